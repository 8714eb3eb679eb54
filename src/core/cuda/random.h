// Random numbers drawn where they are used: the same streams as on the CPU, by the GPU kernels.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <span>
#include <vector>

#include "diffuse/core/random.h"
#include "diffuse/core/random_tensor.h"

namespace diffuse::cuda {

// keys [B] -> int64 [B, 2] of {seed, index} on the CPU: what normal_rows takes, on its device.
at::Tensor key_rows(std::span<const StreamKey> keys);

// The step of a batch's streams: a number, or an int64 scalar on the device, which a captured graph reads anew in
// each replay.
struct StreamStep {
  uint32_t fixed = 0;
  at::Tensor on_device = {};
};

// Whether the device has the kernel that normal_rows launches.
bool draws_random(c10::Device device);

// diffuse::normal_rows for keys [B, 2] -> float32 [B, shape...]. Equal to the CPU's but for the last bit.
at::Tensor normal_rows(const at::Tensor& keys, Purpose purpose, const StreamStep& step,
                       const std::vector<int64_t>& shape);

}  // namespace diffuse::cuda
