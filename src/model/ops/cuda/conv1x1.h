// 1x1 convolutions on a GPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops::cuda {

// weight * concat(x, skip), neither copied: x and skip [B, I, H, W] with I channels in all, skip undefined if x has
// all; weight [O, I, 1, 1], float32 -> [B H W, O] of x's dtype. Differentiable.
at::Tensor conv1x1(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& weight);

}  // namespace diffuse::ops::cuda
