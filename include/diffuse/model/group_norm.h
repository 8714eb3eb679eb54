// Group normalisation together with what a UNet puts around it: the time embedding's shift before
// and SiLU after, in one pass over memory on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse {

enum class Activation { kNone, kSilu };

// x [B, C, H, W] -> act((x + shift - mean) / sqrt(var + eps) weight + bias), mean and variance of
// x + shift taken over each of `groups` groups of channels, in float32 for lower precisions. weight
// and bias [C] or [B, C]; shift [B, C] or undefined = 0. float32 on the CPU, the result is in the
// channels_last layout; elsewhere it keeps x's. `skip` [B, C', H, W] or undefined: more channels, after
// those of x, as if the two were concatenated; C is then the channels of both.
at::Tensor group_norm(const at::Tensor& x, int64_t groups, const at::Tensor& weight,
                      const at::Tensor& bias, double eps, Activation activation,
                      const at::Tensor& shift = {}, const at::Tensor& skip = {});

}  // namespace diffuse
