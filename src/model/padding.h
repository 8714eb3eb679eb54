// Padding of missing input channels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// x [B, c, ...] -> [B, channels, ...], padded with zeros.
at::Tensor zero_pad_channels(const at::Tensor& x, int64_t channels);

// x [B, c, ...] padded to `own` channels, then the condition's `further` ones, zeros where it is undefined.
at::Tensor with_condition_channels(const at::Tensor& x, int64_t own, const at::Tensor& condition,
                                   int64_t further);

}  // namespace diffuse
