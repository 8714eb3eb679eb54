// Noise by key, where it is wanted.
#pragma once

#include <c10/core/Device.h>

#include "diffuse/core/random_tensor.h"

namespace diffuse {

// normal_rows() on `device`, without waiting for it: drawn there where it has the kernels, and then equal but for
// the last bit.
at::Tensor noise_rows(std::span<const StreamKey> keys, Purpose purpose, uint32_t step,
                      const std::vector<int64_t>& shape, c10::Device device);

}  // namespace diffuse
