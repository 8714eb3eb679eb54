// The processes of a run and their communication, on LibTorch's c10d: a TCPStore for the rendezvous, Gloo
// between CPUs, NCCL between GPUs. A single process is a world too, where all of this costs nothing.
//
// All processes must call the collectives (gather_rows, sum, broadcast, start_max) in the same order.
// A process that dies or hangs ends all others; each logs one line with its rank and phase.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/distributed/launch.h"

namespace diffuse {

// Rows [begin, end) of something that is split over the processes.
struct Share {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

class World {
 public:
  World();  // of one process

  // Connects to the other processes: on one machine over the loopback, else over the interface that leads to
  // rank 0; GLOO_SOCKET_IFNAME selects another. `peer_timeout`: seconds without progress after which a
  // process counts as hung, and the time to connect. Reading and writing files may take longer: before its
  // first phase or progress(), and in the phases "restoring" and "saving", a process counts as hung only in a
  // collective that all have joined. Throws std::runtime_error naming the missing ranks, or once
  // stop_requested() during the wait.
  World(const Launch& launch, c10::Device device, double peer_timeout);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  bool is_first() const { return rank_ == 0; }

  // This process's part of `count` rows: parts differ by at most one row and are in rank order.
  Share share(int64_t count) const;

  // All-reduce: the sum over the processes, in place.
  void sum(at::Tensor tensor);

  // All-gather: own rows [share(count).size(), ...] -> all rows [count, ...], bit for bit.
  at::Tensor gather_rows(const at::Tensor& own, int64_t count);

  // Copies rank `root`'s values to all ranks, in place.
  void broadcast(const std::vector<at::Tensor>& tensors, int64_t root = 0);

  // Starts an all-reduce of the maximum of `value()`; the returned function waits for it. With one process,
  // `value` is called only then.
  std::function<int64_t()> start_max(const std::function<int64_t()>& value);

  // Throws Error unless all processes pass the same text as rank 0; `what` is its name.
  void check_same(const std::string& what, const std::string& text);

  // phase() records what this process does from now on, for the line that names a hung rank; progress()
  // reports that it is making progress.
  void phase(const char* name, int64_t step);
  void progress();

  // Seconds that this process has waited in collectives, gradients excluded.
  double wait_seconds() const { return wait_seconds_; }

 private:
  friend class GradientReducer;
  struct Parts;

  // Opens the connections to all others; `address` is this machine's. `timeout`: in seconds.
  void connect(const Launch& launch, c10::Device device, const std::string& address,
               double timeout);

  // Calls `wait`; a failure ends in the line that names the rank at fault.
  void collective(const std::function<void()>& wait);

  int64_t rank_ = 0, size_ = 1;
  double wait_seconds_ = 0;
  std::unique_ptr<Parts> parts_;  // null in a world of one
};

}  // namespace diffuse
