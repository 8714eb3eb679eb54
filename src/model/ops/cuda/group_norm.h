// Group normalisation with what a UNet puts around it, by the GPU kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include "src/model/ops/group_norm.h"

namespace diffuse::ops::cuda {

// Whether kernels exist for x [B, C, H, W] with these tables, which are in float32.
bool takes_group_norm(const at::Tensor& x, const Norm& norm);

// dropout(act((1 + scale) group_norm(in) + offset)), act = silu where `silu`. Computed in float32 -> x's dtype, in
// channels_last. dropout_keys [B, 2], int64 on x's device: the seed and index of each row's stream, or undefined:
// no dropout. Differentiable in all inputs. `passes`: x and skip of the result are for further use, else just those
// that were given.
Normed group_norm(const NormInput& in, const Norm& norm, const Modulation& modulation, bool silu,
                  const Dropout& dropout, const at::Tensor& dropout_keys, bool passes);

}  // namespace diffuse::ops::cuda
