// Threads that send this rank's heartbeat and end the process when another rank is dead or hung: nothing else
// can wake a process that waits in a collective.
#pragma once

#include <memory>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace diffuse {

// The store's key for a rank's heartbeats.
std::string beat_key(int64_t rank);

// The store's key for the reason why the run ends.
inline constexpr const char* kEndKey = "end";

// Seconds without a heartbeat after which a rank counts as dead: 10, or the peer timeout if less.
double seconds_until_dead(double peer_timeout);

class Monitor {
 public:
  // `store` is this class's own connection. Rank 0 watches all ranks, the others watch rank 0.
  Monitor(c10::intrusive_ptr<c10d::Store> store, int64_t rank, int64_t size, double peer_timeout);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // The state of the main thread.
  void phase(const char* name, int64_t step);
  void progress();
  void begin_collective();
  void end_collective();

  // Called when a collective has failed: waits while the watch looks for the rank at fault, which ends the
  // process. Returns if there is none.
  void await_verdict();

  // Tells the others that this process is about to end in an error.
  void report_failure();

  // From here on no failure of others ends this process; its heartbeat goes on.
  void finish();

 private:
  class Shared;

  // Shared with the thread that talks to the store, which is left behind if the store never answers.
  std::shared_ptr<Shared> shared_;
  std::jthread guard_;  // never touches the network
};

}  // namespace diffuse
