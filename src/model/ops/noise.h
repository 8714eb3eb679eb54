// Noise by key, where it is wanted.
#pragma once

#include <c10/core/Device.h>

#include "diffuse/core/random_tensor.h"

namespace diffuse::ops {

// normal_rows() on `device`, without waiting for it.
at::Tensor noise_rows(std::span<const StreamKey> keys, Purpose purpose, uint32_t step,
                      const std::vector<int64_t>& shape, c10::Device device);

}  // namespace diffuse::ops
