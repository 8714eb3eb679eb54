#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace diffuse {

// A table's value at each sample's timestep: table [T], t [B], x [B, ...] -> [B, 1, ...] of x's type.
inline at::Tensor at_time(const at::Tensor& table, const at::Tensor& t, const at::Tensor& x) {
  std::vector<int64_t> shape(x.dim(), 1);
  shape[0] = t.size(0);
  return table.to(t.device()).index_select(0, t).to(x.scalar_type()).view(shape);
}

}  // namespace diffuse
