// Sums gradients over the processes while the backward pass is still computing others.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

#include "diffuse/distributed/world.h"

namespace diffuse {

// How long the sums of the passes so far took, as this process saw them. On a GPU, where its stream
// waits and not the process, only the launches are seen.
struct ReduceTimes {
  double total = 0;    // from the first bucket's start to the last one's end
  double exposed = 0;  // of it, after the last gradient was there: not hidden behind computing
};

// Adds up gradients that lie in one tensor, in place; `bf16` as below.
void sum_gradients(World& world, const at::Tensor& gradients, bool bf16);

class GradientReducer {
 public:
  // Nothing to do without parameters. Buckets of 25 MB, in the order in which the gradients come; `bf16` halves what is sent by
  // rounding it, the sums included, to bfloat16. c10d::Reducer [Li20], https://arxiv.org/abs/2006.15704
  GradientReducer(World& world, const std::vector<at::Tensor>& parameters, bool bf16);
  ~GradientReducer();

  // Calls `backward`, the last pass of an update; the parameters' gradients, those of earlier passes
  // included, are then the sums over the processes.
  void run(const std::function<void()>& backward);

  const ReduceTimes& times() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // null in a world of one
};

}  // namespace diffuse
