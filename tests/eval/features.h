// Features of a formula, the same as in tests/reference/metrics_reference.py.
#pragma once

#include <ATen/ATen.h>

namespace diffuse {

inline at::Tensor row_numbers(int64_t rows) {
  return at::arange(1, rows + 1, at::kDouble).unsqueeze(1);
}

// float64 [rows, columns]
inline at::Tensor sample_features(int64_t rows, int64_t columns) {
  const at::Tensor i = row_numbers(rows), j = at::arange(1, columns + 1, at::kDouble);
  return (i * (j + 1) + 0.1 * i * i).cos() + 0.5 * (0.7 * i * i).cos();
}

inline at::Tensor data_features(int64_t rows, int64_t columns) {
  const at::Tensor i = row_numbers(rows), j = at::arange(1, columns + 1, at::kDouble);
  return 1.1 * (1.3 * i * (j + 1) + 0.2 * i * i).cos() + 0.4 * (0.3 * i * i).cos() + 0.02 * j;
}

}  // namespace diffuse
