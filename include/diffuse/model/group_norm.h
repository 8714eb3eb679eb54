// Group normalisation in the channels_last layout, by whole-row operations. LibTorch's own CPU
// kernel works through a group's few channels at a time there: 5 to 40 times slower for the 2 to
// 12 channels a group has in a UNet.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse {

// x [B, C, H, W], weight and bias [C] -> (x - mean) / sqrt(var + eps) weight + bias, mean and
// variance taken over each of `groups` groups of channels. Any layout, which the result keeps; x,
// weight and bias have one dtype.
at::Tensor channels_last_group_norm(const at::Tensor& x, int64_t groups, const at::Tensor& weight,
                                    const at::Tensor& bias, double eps);

}  // namespace diffuse
