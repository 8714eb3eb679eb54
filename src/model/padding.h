// Padding of missing input channels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// x [B, c, ...] -> [B, channels, ...], padded with zeros.
at::Tensor zero_pad_channels(const at::Tensor& x, int64_t channels);

}  // namespace diffuse
