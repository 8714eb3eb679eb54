// Work in parts, shared by processes that start and stop at any time, on machines with a common file system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

namespace diffuse {

// A part is done once its output exists. A process holds a lock on its current part in a shared file. When a
// process dies its lock is released at once, and another takes the part; NFS releases a dead machine's lock
// after about 90 s. Locks only save work: a part may be done twice, with the same result.
class WorkQueue {
 public:
  // Creates the file. Throws Error naming it if that fails.
  explicit WorkQueue(std::filesystem::path locks);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Calls `work` while no other process is in alone().
  void alone(const std::function<void()>& work);

  // Calls work(part) for each part 0 .. count - 1 that is not done or locked by another process, until all
  // are done. If only locked parts are left and none gets done for `patience` seconds, because a process is
  // frozen, say, does those too. Returns false after stop_requested(), else true.
  bool run(int64_t count, double patience, const std::function<bool(int64_t part)>& is_done,
           const std::function<void(int64_t part)>& work);

  // Removes the file, once all parts are done.
  void remove();

 private:
  class Lock;

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace diffuse
