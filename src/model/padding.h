// Channels that a network expects and its input lacks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// x [B, c, ...] -> [B, channels, ...] with zeros behind.
at::Tensor zero_pad_channels(const at::Tensor& x, int64_t channels);

}  // namespace diffuse
