// The threads that tell the other ranks that this one is alive and end the process when one of them is
// not: a process that waits in a collective cannot be woken in any other way.
#pragma once

#include <memory>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace diffuse {

// Where a rank's beats are kept in the store.
std::string beat_key(int64_t rank);

// Where the store says why the run ends.
inline constexpr const char* kEndKey = "end";

// Seconds without a beat after which a rank counts as dead: 10, or the peer timeout where that is less.
double seconds_until_dead(double peer_timeout);

class Monitor {
 public:
  // `store` is this class's own connection. Rank 0 watches all ranks, the others watch rank 0.
  Monitor(c10::intrusive_ptr<c10d::Store> store, int64_t rank, int64_t size, double peer_timeout);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // What the main thread does now.
  void phase(const char* name, int64_t step);
  void progress();
  void begin_collective();
  void end_collective();

  // Called where a collective has failed: gives the watch the time to find the rank to blame, which
  // ends the process. Returns when there is none.
  void await_verdict();

  // This process is about to end in an error: the others need not wait for their own verdict.
  void report_failure();

  // From here on no failure of others ends this process; it keeps telling that it is alive.
  void finish();

 private:
  class Shared;

  // With the thread that speaks with the store, which is left behind where the store never answers.
  std::shared_ptr<Shared> shared_;
  std::jthread guard_;  // never touches the network
};

}  // namespace diffuse
