// Weights in autocast's precision.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops {

// Under autocast in a WeightCacheScope: the weight in autocast's precision, converted once for all passes.
// Otherwise the weight itself, which autocast converts at each use.
at::Tensor kept_weight(const at::Tensor& weight);

}  // namespace diffuse::ops
