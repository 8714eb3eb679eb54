// What is kept per parameter (an optimiser's state, averages), split over the processes by whole
// parameters: stage 1 of ZeRO [Rajbhandari20], https://arxiv.org/abs/1910.02054
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/distributed/world.h"

namespace diffuse {

// The owner, 0 .. ranks - 1, of each item: the larger ones first, each to the rank with the least so
// far. Ranks then differ by one item at most.
std::vector<int64_t> balanced_owners(const std::vector<int64_t>& sizes, int64_t ranks);

class Shards {
 public:
  // Without `split`, or in a world of one, every rank owns all parameters, and nothing is sent.
  Shards(World& world, std::vector<at::Tensor> parameters, bool split);

  // The parameters that this rank updates and keeps the state of.
  const std::vector<at::Tensor>& own() const;

  // Gives all ranks the parameters as their owners have them, bit by bit.
  void share_parameters() const;

  // A tensor for each of own(), of its shape and type -> a tensor for each parameter; where another
  // rank keeps it, one on the device "meta", which has a shape and no values.
  std::vector<at::Tensor> spread(const std::vector<at::Tensor>& own) const;

  // The same with all values on rank 0. Those of other ranks come one by one, into main memory.
  std::vector<at::Tensor> gather(const std::vector<at::Tensor>& own) const;

 private:
  World& world_;
  std::vector<at::Tensor> parameters_;
  std::vector<int64_t> owners_;                    // of each parameter; empty when not split
  std::vector<std::vector<at::Tensor>> by_owner_;  // parameters; empty when not split
};

}  // namespace diffuse
