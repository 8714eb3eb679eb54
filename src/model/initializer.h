// Initial values of a network's parameters, from our own random streams instead of a global generator.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// The n-th tensor drawn uses stream (seed, kInit, n).
class Initializer {
 public:
  // On the meta device parameters have shapes but no values.
  explicit Initializer(uint64_t seed, at::Device device = at::kCPU)
      : seed_(seed), device_(device) {}

  // U(-b, b), b = sqrt(3 scale / mean(fan_in, fan_out)); shape [out, in, ...]. [Ho20] nn.py
  // The values do not depend on the memory order.
  at::Tensor variance_scaling(at::IntArrayRef shape, double scale = 1.0,
                              at::MemoryFormat format = at::MemoryFormat::Contiguous);

  at::Tensor normal(at::IntArrayRef shape);  // N(0, 1)

  at::Tensor full(int64_t size, double value) const;  // [size]

  uint32_t next_dropout() { return dropouts_++; }  // numbers the layers with dropout from 0

 private:
  uint64_t seed_;
  at::Device device_;
  uint64_t drawn_ = 0;
  uint32_t dropouts_ = 0;
};

// The last layer of each residual branch, and of a network, starts almost at zero. [Ho20]
inline constexpr double kNearZero = 1e-10;

}  // namespace diffuse
