// Parts of a piece of work, done by processes that come and go, on one machine or on many that see the same
// files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

namespace diffuse {

// Which parts are done is seen from what was written of them. While a process is at a part it holds a lock
// of it in a file that all share. The lock goes with the process, so a part that was under way when its
// process died is another's at once; that of a machine that lost its power when the file server gives it
// up, with NFS after some 90 s. Locks only spare work: a part may be done twice, and must come out the same.
class WorkQueue {
 public:
  // Creates the file. Throws Error naming it where that is not possible.
  explicit WorkQueue(std::filesystem::path locks);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Calls `work` while no other process is in alone().
  void alone(const std::function<void()>& work);

  // Calls work(part) for parts 0 .. count - 1 which are not done and no other process is at, until all are
  // done. Where nothing is left but what others are at, and no part gets done for `patience` seconds, as
  // when a process is frozen, does theirs, too. Returns false after stop_requested(), else true.
  bool run(int64_t count, double patience, const std::function<bool(int64_t part)>& is_done,
           const std::function<void(int64_t part)>& work);

  // Removes the file, once all is done.
  void remove();

 private:
  class Lock;

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace diffuse
