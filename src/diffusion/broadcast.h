#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace diffuse {

// One value per sample, broadcast along x: values [B] float64, x [B, ...] -> [B, 1, ...] of x's dtype.
inline at::Tensor along(const at::Tensor& values, const at::Tensor& x) {
  std::vector<int64_t> shape(x.dim(), 1);
  shape[0] = values.size(0);
  return values.to(x.scalar_type()).view(shape);
}

}  // namespace diffuse
