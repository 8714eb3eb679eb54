// Weights in the precision that networks compute in.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops {

// In a ComputeScope of a lower precision: the float32 weight in that precision, laid out as the weight. A
// WeightCacheScope's cache gives the copy where it has one, and else keeps it. Under autocast in a WeightCacheScope:
// the weight in autocast's precision, converted once for all passes. Otherwise the weight's own values, which autocast
// converts at each use. The gradient comes back in float32, or goes where DirectGradients has it go.
at::Tensor kept_weight(const at::Tensor& weight);

// x in the ComputeScope's precision, of what is no parameter; undefined stays undefined.
at::Tensor in_compute_type(const at::Tensor& x);

}  // namespace diffuse::ops
