// Group normalisation fused with its neighbours in a UNet: the time embedding's shift before, its scale and
// offset, SiLU and dropout after.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "conv.h"
#include "dropout.h"

namespace diffuse::ops {

// The input: concat(x, skip) + shift.
struct NormInput {
  Biased x;               // [B, C, H, W]; its bias, only without skip, is part of the shift
  at::Tensor skip = {};   // [B, C', H, W] or undefined: more channels, after those of x
  at::Tensor shift = {};  // [B, C + C'] or [C + C'] or undefined = 0
};

struct Norm {
  at::Tensor weight, bias;  // [C]
  int64_t groups;
  double eps;
};

struct Modulation {
  at::Tensor scale = {}, offset = {};  // [B, C] both, or both undefined = 0
};

// y = (in - mean) / sqrt(var + eps) weight + bias, with mean and variance of each group of channels, in
// float32 for lower precisions. -> x's dtype; in the channels_last layout if the CPU's or the GPU's kernels
// compute it, which needs float32 weights.
at::Tensor group_norm(const NormInput& in, const Norm& norm);

// y = dropout(silu((1 + scale) group_norm(in) + offset)), silu(u) = u / (1 + exp(-u))
at::Tensor group_norm_silu(const NormInput& in, const Norm& norm, const Modulation& modulation = {},
                           const Dropout& dropout = {});

// With the inputs, x without its bias, for whoever uses them again: gradients of both uses are then added up in one
// pass on a GPU.
struct Normed {
  at::Tensor y, x, skip;
};

Normed group_norm_passing(const NormInput& in, const Norm& norm);
Normed group_norm_silu_passing(const NormInput& in, const Norm& norm);

}  // namespace diffuse::ops
