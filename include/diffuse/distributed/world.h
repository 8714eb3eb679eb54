// The processes of a run and what they do together, on LibTorch's c10d: a TCPStore to meet at, Gloo
// between CPUs, NCCL between GPUs. One process is a world too, where all of this costs nothing.
//
// Every process must call the collectives (gather_rows, sum, broadcast, start_max) in the same order.
// A process that dies or hangs ends all others: each logs one line that names its rank and phase.
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

// Rows [begin, end) of something that the processes share.
struct Share {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

class World {
 public:
  World();  // of one process

  // Meets the other processes, on one machine over the loopback, else over the interface that leads to
  // rank 0; GLOO_SOCKET_IFNAME names another. `peer_timeout`: seconds after which a process that makes
  // no progress counts as hung; to meet, too, they have this long. Files may take longer to read and
  // write: up to its first phase or progress() and in the phases "restoring" and "saving" a process
  // hangs only in a collective that all have joined. Throws std::runtime_error naming the ranks that did
  // not come, or once stop_requested() while it waits for them.
  World(const Launch& launch, c10::Device device, double peer_timeout);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  bool is_first() const { return rank_ == 0; }

  // This process's part of `count` rows: parts differ by one row at most, and follow the ranks.
  Share share(int64_t count) const;

  // Adds up over the processes, in place.
  void sum(at::Tensor tensor);

  // Own rows [share(count).size(), ...] -> all rows [count, ...], bit by bit.
  at::Tensor gather_rows(const at::Tensor& own, int64_t count);

  // Rank `root`'s values for all, in place.
  void broadcast(const std::vector<at::Tensor>& tensors, int64_t root = 0);

  // Starts to find the largest `value()` of all processes; the function returned waits for it. One
  // process alone asks for its value only then.
  std::function<int64_t()> start_max(const std::function<int64_t()>& value);

  // Throws Error unless all processes pass the same text as rank 0; `what` names it.
  void check_same(const std::string& what, const std::string& text);

  // What this process does from now on, for the line that names the one which hangs, and that it
  // gets on with it.
  void phase(const char* name, int64_t step);
  void progress();

  // Seconds that this process has waited in collectives, gradients not counted.
  double wait_seconds() const { return wait_seconds_; }

 private:
  friend class GradientReducer;
  struct Parts;

  // Opens the connections to all others; `address` is this machine's. `timeout`: in seconds.
  void connect(const Launch& launch, c10::Device device, const std::string& address,
               double timeout);

  // Waits with `wait`; a failure becomes the line that names the rank which caused it.
  void collective(const std::function<void()>& wait);

  int64_t rank_ = 0, size_ = 1;
  double wait_seconds_ = 0;
  std::unique_ptr<Parts> parts_;  // null in a world of one
};

}  // namespace diffuse
