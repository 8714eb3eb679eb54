// State per parameter (of an optimiser, averages), split over the processes by whole parameters:
// stage 1 of ZeRO [Rajbhandari20], https://arxiv.org/abs/1910.02054
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/distributed/world.h"

namespace diffuse {

// The owner, 0 .. ranks - 1, of each item: in order of falling size, each goes to the rank with the smallest
// load. Ranks then differ by one item at most.
std::vector<int64_t> balanced_owners(const std::vector<int64_t>& sizes, int64_t ranks);

class Shards {
 public:
  // Without `split`, or with one process, every rank owns all parameters, and nothing is sent.
  Shards(World& world, std::vector<at::Tensor> parameters, bool split);

  // The parameters that this rank updates and whose state it keeps.
  const std::vector<at::Tensor>& own() const;

  // Broadcasts each parameter from its owner, bit for bit.
  void share_parameters() const;

  // One tensor for each of own(), of its shape and type -> one for each parameter; those of other ranks are
  // on the device "meta", with a shape but no values.
  std::vector<at::Tensor> spread(const std::vector<at::Tensor>& own) const;

  // The same with all values on rank 0. Those of other ranks are received one by one, into main memory.
  std::vector<at::Tensor> gather(const std::vector<at::Tensor>& own) const;

 private:
  World& world_;
  std::vector<at::Tensor> parameters_;
  std::vector<int64_t> owners_;                    // of each parameter; empty when not split
  std::vector<std::vector<at::Tensor>> by_owner_;  // parameters; empty when not split
};

}  // namespace diffuse
