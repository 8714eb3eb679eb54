// Noise tensors whose rows come from their own random streams.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "diffuse/core/random.h"

namespace diffuse {

// Names the stream of one row.
struct StreamKey {
  uint64_t seed = 0;
  uint64_t index = 0;
};

// keys [B] -> float32 [B, shape...] of N(0, 1) on the CPU. Row b is the start of
// RandomStream(keys[b].seed, purpose, keys[b].index, step), independent of the other rows.
at::Tensor normal_rows(std::span<const StreamKey> keys, Purpose purpose, uint32_t step,
                       const std::vector<int64_t>& shape);

// Keys (seed, first), (seed, first + 1), ... for `count` consecutive rows.
std::vector<StreamKey> consecutive_keys(uint64_t seed, uint64_t first, int64_t count);

}  // namespace diffuse
