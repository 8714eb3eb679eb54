// All-reduces gradients while the backward pass still computes others.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

#include "diffuse/distributed/world.h"

namespace diffuse {

// Time spent in the all-reduces so far, as seen by this process. On a GPU, where the stream waits and not the
// process, only the launches are seen.
struct ReduceTimes {
  double total = 0;    // from the start of the first bucket to the end of the last
  double exposed = 0;  // the part after the last gradient: not hidden behind the backward pass
};

// Adds up gradients that lie in one tensor, in place; `bf16` as below.
void sum_gradients(World& world, const at::Tensor& gradients, bool bf16);

class GradientReducer {
 public:
  // Nothing to do without parameters. Buckets of 25 MB, in the order in which the gradients arrive; `bf16` halves
  // the traffic by rounding what is sent, the sums included, to bfloat16.
  // c10d::Reducer [Li20], https://arxiv.org/abs/2006.15704
  GradientReducer(World& world, const std::vector<at::Tensor>& parameters, bool bf16);
  ~GradientReducer();

  // Calls `backward`, the last backward pass of an update; afterwards the parameters' gradients, including
  // those of earlier passes, are sums over the processes.
  void run(const std::function<void()>& backward);

  const ReduceTimes& times() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // null in a world of one
};

}  // namespace diffuse
