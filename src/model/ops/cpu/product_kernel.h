// Products of float32 matrices, cut so that what a thread works on stays in its caches.
#pragma once

#include <cstdint>

#include "vectorised.h"

// Files compiled for different processors include this one: what is not inlined would be in each of them, and the
// linker would take any.

namespace diffuse::ops::cpu {

inline constexpr int64_t kBlock = 16;    // values of a row side by side
inline constexpr int64_t kPanel = 32;    // columns of a product computed at a time
inline constexpr int64_t kLength = 256;  // terms added in registers before a sum is stored

DIFFUSE_INLINE int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

DIFFUSE_INLINE int64_t blocks_of(int64_t size) { return ceil_divide(size, kBlock); }

// A range of rows, columns, tiles or channels.
struct Range {
  int64_t begin, end;
  DIFFUSE_INLINE int64_t size() const { return end - begin; }
};

// At least one of the strides is 1.
struct Matrix {
  const float* data;
  int64_t rows, columns, row_stride, column_stride;

  DIFFUSE_INLINE const float* at(int64_t row, int64_t column) const {
    return data + row * row_stride + column * column_stride;
  }
};

// Where a product goes, and what it is added to: 0, a row that is the same for all rows, or what is there.
struct Product {
  float* data;
  int64_t row_stride;
  const float* bias;  // [columns], or null
  bool accumulate;
};

// Floats of scratch of a product of so many rows.
DIFFUSE_INLINE int64_t product_scratch(int64_t rows) {
  return kLength * (blocks_of(rows) * kBlock + kPanel);
}

// Rows `rows` and columns `columns` of a b. Values do not depend on these ranges.
using ProductKernel = void(const Matrix& a, const Matrix& b, Range rows, Range columns,
                           const Product& to, float* scratch);

}  // namespace diffuse::ops::cpu
