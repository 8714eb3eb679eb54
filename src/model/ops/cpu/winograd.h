// 3x3 convolution on the CPU by Winograd's F(4x4, 3x3): a quarter of the multiplications of the
// direct way, as 36 matrix products.                                      [Lavin16] sec. 4.3
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops::cpu {

// True where winograd_conv3x3 takes the input and is expected to beat LibTorch's convolution:
// on the CPU, enough channels to fill the products, tiles that fit the image; float32, or bfloat16 by
// autocast on processors whose direct convolution in it is slower still.
bool winograd_pays(const at::Tensor& x, const at::Tensor& weight);

// x [B, I, H, W], weight [O, I, 3, 3], bias [O] -> [B, O, H, W] in channels_last: stride 1, one pixel
// of zeros around. Rounding errors are some 1e-6 of the output's size, a few times those of a direct
// convolution. Computes in float32, as products in bfloat16 would be ten times as far off as the direct
// way's; under autocast to bfloat16, y is rounded to that. Differentiable. In a WeightCacheScope the
// transformed filters are kept.
at::Tensor winograd_conv3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace diffuse::ops::cpu
