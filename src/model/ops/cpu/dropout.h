// Dropout with counter-based streams on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/core/random_tensor.h"

namespace diffuse::ops::cpu {

// As ops::dropout; keys [B]: the rows' streams. -> h's shape and dtype in channels_last
at::Tensor dropout(const at::Tensor& h, double p, uint32_t layer,
                   const std::vector<StreamKey>& keys);

}  // namespace diffuse::ops::cpu
