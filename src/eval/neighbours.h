// The training items nearest to samples, to detect memorisation.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "diffuse/data/dataset.h"
#include "diffuse/eval/evaluation.h"

namespace diffuse {

// Nearest first. The distance is the root mean square difference over the dimensions.
struct Neighbours {
  at::Tensor items;      // int64 [B, count]: indices in the data set
  at::Tensor distances;  // float64 [B, count]
};

// The `count` items of `data` nearest to each sample x [B, ...] in the data's units, by exhaustive search.
// `progress` is called with the number of items done; it may throw to end the search.
Neighbours nearest_items(const at::Tensor& x, const Dataset& data, int64_t count,
                         const std::function<void(int64_t done, int64_t total)>& progress = {});

// The distance to the first neighbour, averaged over the samples.
Estimate nearest_distance(const Neighbours& neighbours);

}  // namespace diffuse
