// Vectors of DIFFUSE_LANES floats and products of them. Included by one file per vector width, which is compiled for
// processors that have it: everything here is local to that file.
#pragma once

#include <cstdint>

#include "product_kernel.h"

namespace diffuse::ops::cpu {
namespace {

constexpr int kLanes = DIFFUSE_LANES;
constexpr int kRows = kLanes == 16 ? 14 : 6;  // of a product in registers

using Vector = float __attribute__((vector_size(4 * kLanes)));
using Words = uint32_t __attribute__((vector_size(4 * kLanes)));
using Halves = uint16_t __attribute__((vector_size(2 * kLanes)));

template <class T, class From>
DIFFUSE_INLINE T read(const From* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

template <class T, class To>
DIFFUSE_INLINE void write(T value, To* p) {
  __builtin_memcpy(p, &value, sizeof value);
}

DIFFUSE_INLINE Vector load(const float* p) { return read<Vector>(p); }
DIFFUSE_INLINE void store(Vector v, float* p) { write(v, p); }

DIFFUSE_INLINE Vector load(const uint16_t* p) {
  return reinterpret_cast<Vector>(__builtin_convertvector(read<Halves>(p), Words) << 16);
}

// Rounds to the nearest, ties to even.
DIFFUSE_INLINE void store(Vector v, uint16_t* p) {
  const auto words = reinterpret_cast<Words>(v);
  const Words rounded = (words + 0x7fff + ((words >> 16) & 1)) >> 16;
  const auto nan = reinterpret_cast<Words>(v != v);
  write(__builtin_convertvector((nan & 0x7fc0) | (~nan & rounded), Halves), p);
}

DIFFUSE_INLINE Vector zero() { return Vector{}; }

// Of the first n values, n < kLanes; the others are 0.
template <class T>
DIFFUSE_INLINE Vector load_first(const T* p, int64_t n) {
  T values[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) values[i] = p[i];
  return load(values);
}

template <class T>
DIFFUSE_INLINE void store_first(Vector v, T* p, int64_t n) {
  T values[kLanes];
  store(v, values);
  for (int64_t i = 0; i < n; ++i) p[i] = values[i];
}

template <class T>
DIFFUSE_INLINE Vector load_upto(const T* p, int64_t n) {
  return n >= kLanes ? load(p) : load_first(p, n);
}

template <class T>
DIFFUSE_INLINE void store_upto(Vector v, T* p, int64_t n) {
  n >= kLanes ? store(v, p) : store_first(v, p, n);
}

// Transposes kLanes vectors in place.
DIFFUSE_INLINE void transpose(Vector (&v)[kLanes]) {
#if defined(__clang__)  // it has no shuffle by a variable
  for (int i = 0; i < kLanes; ++i)
    for (int j = 0; j < i; ++j) {
      const float above = v[j][i];
      v[j][i] = v[i][j];
      v[i][j] = above;
    }
#else
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    Words low{}, high{};
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      const bool second = (i & step) != 0;
      low[i] = static_cast<uint32_t>(second ? kLanes + i - step : i);
      high[i] = static_cast<uint32_t>(second ? kLanes + i : i + step);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if ((i & step) != 0) continue;
      const Vector a = v[i], b = v[i + step];
      v[i] = __builtin_shuffle(a, b, low);
      v[i + step] = __builtin_shuffle(a, b, high);
    }
  }
#endif
}

// Rows [row, row + height) and columns [column, column + width) of a matrix as [height][width], 0 beyond it. height and
// width: multiples of kBlock.
DIFFUSE_INLINE void copy_block(const Matrix& m, int64_t row, int64_t height, int64_t column,
                               int64_t width, float* to) {
  if (m.column_stride == 1) {
    for (int64_t r = 0; r < height; ++r)
      for (int64_t c = 0; c < width; c += kLanes) {
        const int64_t rest = m.columns - column - c;
        const bool inside = row + r < m.rows && rest > 0;
        store(inside ? load_upto(m.at(row + r, column + c), rest) : zero(), to + r * width + c);
      }
    return;
  }
  for (int64_t c = 0; c < width; c += kLanes)
    for (int64_t r = 0; r < height; r += kLanes) {
      Vector v[kLanes];
      const int64_t rest = m.rows - row - r;
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const bool inside = column + c + i < m.columns && rest > 0;
        v[i] = inside ? load_upto(m.at(row + r, column + c + i), rest) : zero();
      }
      transpose(v);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(v[i], to + (r + i) * width + c);
    }
}

// Rows of a product's first factor: value (row, k) is at row * stride + k / 16 * block + k % 16.
struct Rows {
  const float* data;
  int64_t stride, block;

  DIFFUSE_INLINE Rows from(int64_t row) const { return {data + row * stride, stride, block}; }
};

// What a product is added to, rows at a distance of `stride`; null = 0.
struct Start {
  const float* data;
  int64_t stride;
};

// start + R rows of a times the first `columns` of b [blocks * 16][32], in N vectors at a time -> c, of rows at a
// distance of `stride`.
template <int R, int N>
DIFFUSE_INLINE void multiply_rows(int64_t blocks, Rows a, const float* b, int64_t columns,
                                  Start start, float* c, int64_t stride) {
  for (int64_t first = 0; first < columns; first += N * kLanes) {
    Vector sums[R][N];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n)
        sums[r][n] = start.data == nullptr
                         ? zero()
                         : load(start.data + r * start.stride + first + n * kLanes);
    const float *in = a.data, *weight = b + first;
    for (int64_t block = 0; block < blocks; ++block, in += a.block)
      for (int64_t k = 0; k < kBlock; ++k, weight += kPanel) {
        Vector w[N];
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) w[n] = load(weight + n * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const float x = in[r * a.stride + k];
#pragma GCC unroll 2
          for (int n = 0; n < N; ++n) sums[r][n] += x * w[n];
        }
      }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) store(sums[r][n], c + r * stride + first + n * kLanes);
  }
}

template <int N, int R = kRows>
DIFFUSE_INLINE void multiply_some(int64_t rows, int64_t blocks, Rows a, const float* b,
                                  int64_t columns, Start start, float* c, int64_t stride) {
  if (rows == R)
    multiply_rows<R, N>(blocks, a, b, columns, start, c, stride);
  else if constexpr (R > 1)
    multiply_some<N, R - 1>(rows, blocks, a, b, columns, start, c, stride);
}

// The same of up to kRows rows; writes whole blocks of columns.
DIFFUSE_INLINE void multiply_block(int64_t rows, int64_t blocks, Rows a, const float* b,
                                   int64_t columns, Start start, float* c, int64_t stride) {
  if (kLanes == kBlock && columns <= kBlock)
    multiply_some<1>(rows, blocks, a, b, kBlock, start, c, stride);
  else
    multiply_some<2>(rows, blocks, a, b, blocks_of(columns) * kBlock, start, c, stride);
}

}  // namespace
}  // namespace diffuse::ops::cpu
