// 3x3 convolution on the CPU by Winograd's F(4x4, 3x3): a quarter of the multiplications of a direct
// convolution, as 36 matrix products.                                      [Lavin16] sec. 4.3
#pragma once

#include <ATen/core/Tensor.h>

#include "vector_kernels.h"

namespace diffuse::ops::cpu {

// Whether winograd_conv3x3 takes the input and is expected to be faster than LibTorch's convolution: on the
// CPU, enough input channels for the products, tiles that fit the image; float32, or bfloat16 by autocast on
// processors where its direct convolution is slower still.
bool winograd_pays(const at::Tensor& x, const at::Tensor& weight, bool doubled);

// x [B, I, H, W], weight [O, I, 3, 3], bias [O] -> [B, O, H, W] in channels_last: stride 1, padding 1. `doubled`: of x
// with each pixel repeated as 2 x 2, -> [B, O, 2 H, 2 W], by 25 products instead of 36.
// Rounding errors are about 1e-6 of the output's magnitude, a few times those of a direct convolution.
// Computes in float32, since errors in bfloat16 would be ten times a direct convolution's; under autocast to
// bfloat16, y is rounded to it. Differentiable. An image's y does not depend on the batch, and no result on the
// number of threads.
at::Tensor winograd_conv3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            bool doubled,
                            const WinogradKernels& kernels = vector_kernels().winograd);

}  // namespace diffuse::ops::cpu
