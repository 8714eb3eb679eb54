// Group normalisation fused with its neighbours in a UNet, in one pass over memory on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse::ops::cpu {

// As ops::group_norm, with SiLU if `silu`: x [B, C, H, W], skip [B, C', H, W] or undefined, shift [B, C], [C]
// or undefined, weight and bias [C] or [B, C] in float32. Computed in float32 -> x's dtype, in channels_last.
// Reads x directly in float32 and bfloat16, else converts it. Differentiable.
at::Tensor group_norm(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& shift,
                      const at::Tensor& weight, const at::Tensor& bias, int64_t groups, double eps,
                      bool silu);

}  // namespace diffuse::ops::cpu
