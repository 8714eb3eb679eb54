// Group normalisation with what a UNet puts around it, in one pass over memory on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse::ops::cpu {

// As ops::group_norm, with SiLU where `silu`: x [B, C, H, W], skip [B, C', H, W] or undefined, shift [B, C]
// or [C] or undefined, weight and bias [C] or [B, C] in float32. Computed in float32 -> x's dtype, in
// channels_last. x is read as it is in float32 and bfloat16, else converted. Differentiable.
at::Tensor group_norm(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& shift,
                      const at::Tensor& weight, const at::Tensor& bias, int64_t groups, double eps,
                      bool silu);

}  // namespace diffuse::ops::cpu
