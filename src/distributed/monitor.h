// The thread that tells the other ranks that this one is alive and ends the process when one of them
// is not: a process that waits in a collective cannot be woken in any other way.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "peer_watch.h"

namespace diffuse {

// Where a rank's beats are kept in the store.
std::string beat_key(int64_t rank);

class Monitor {
 public:
  // `store` is this thread's own connection. Rank 0 watches all ranks, the others watch rank 0.
  Monitor(c10::intrusive_ptr<c10d::Store> store, int64_t rank, int64_t size, double peer_timeout);
  ~Monitor();

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
  void finish() { finishing_ = true; }

 private:
  void run(const std::stop_token& stop);
  void exchange(PeerWatch& watch);
  void conclude(const std::string& line);
  Beat next_beat();

  c10::intrusive_ptr<c10d::Store> store_;
  const int64_t rank_, size_;
  const double hung_after_, dead_after_, interval_;
  std::atomic<bool> finishing_{false}, failed_{false};
  std::condition_variable_any stopped_;
  std::mutex mutex_;  // guards beat_
  Beat beat_;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace diffuse
