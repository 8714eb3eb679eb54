// The 1x1 convolution around a residual block on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops::cpu {

// Whether residual_conv1x1 takes these operands: float32 on the CPU, no autocast, h in channels_last.
bool takes_residual_conv(const at::Tensor& h, const at::Tensor& x, const at::Tensor& weight);

// h += weight * concat(x, skip): h [B, O, H, W], weight [O, I, 1, 1], x and skip with I channels in all, skip
// undefined if x has all. -> h. Differentiable, if h is not a leaf and no gradient needs its old value.
at::Tensor residual_conv1x1(const at::Tensor& h, const at::Tensor& x, const at::Tensor& skip,
                            const at::Tensor& weight);

}  // namespace diffuse::ops::cpu
