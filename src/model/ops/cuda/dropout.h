// Dropout by counter-based streams by the GPU kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse::ops::cuda {

// Whether kernels exist for h [B, C, H, W].
bool takes_dropout(const at::Tensor& h);

// As ops::dropout with p > 0; keys [B, 2], int64 on h's device: the seed and index of each row's stream. -> h's
// shape and dtype in channels_last. Differentiable.
at::Tensor dropout(const at::Tensor& h, double p, uint32_t layer, const at::Tensor& keys);

}  // namespace diffuse::ops::cuda
