// A product's loops for vectors of DIFFUSE_LANES floats; see lanes.h.
#include "lanes.h"

namespace diffuse::ops::cpu {
namespace {

// Fewer columns than a panel has.
DIFFUSE_INLINE void multiply_edge(int64_t rows, int64_t blocks, Rows a, const float* b,
                                  int64_t columns, Start start, float* c, int64_t stride) {
  alignas(64) float edge[kRows * kPanel] = {};
  for (int64_t r = 0; r < rows && start.data != nullptr; ++r)
    for (int64_t i = 0; i < columns; ++i) edge[r * kPanel + i] = start.data[r * start.stride + i];
  multiply_block(rows, blocks, a, b, columns, {edge, kPanel}, edge, kPanel);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < columns; ++i) c[r * stride + i] = edge[r * kPanel + i];
}

// Rows that can be read where they are. At a distance of whole pages they would displace each other in the first cache.
DIFFUSE_INLINE bool read_in_place(const Matrix& a) {
  return a.column_stride == 1 && a.columns % kBlock == 0 && a.row_stride % 1024 != 0;
}

// Brings the next rows, which several panels will read, into the second cache.
DIFFUSE_INLINE void fetch_rows(const Rows& a, int64_t blocks) {
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t i = 0; i < blocks; ++i)
      __builtin_prefetch(a.data + r * a.stride + i * a.block, 0, 2);
}

void product(const Matrix& a, const Matrix& b, Range rows, Range columns, const Product& to,
             float* scratch) {
  const int64_t height = blocks_of(rows.size()) * kBlock, groups = ceil_divide(rows.size(), kRows);
  const bool in_place = read_in_place(a);
  float* const panel = scratch + height * kLength;
  for (int64_t k = 0; k == 0 || k < a.columns; k += kLength) {
    const int64_t left = blocks_of(a.columns - k);
    const int64_t blocks = left < kLength / kBlock ? left : kLength / kBlock;
    Rows in{a.at(rows.begin, k), a.row_stride, kBlock};
    if (!in_place) {
      in = {scratch, kBlock, height * kBlock};
      for (int64_t block = 0; block < blocks; ++block)
        copy_block(a, rows.begin, height, k + block * kBlock, kBlock,
                   scratch + block * height * kBlock);
    }
    for (int64_t column = columns.begin; column < columns.end; column += kPanel) {
      copy_block(b, k, blocks * kBlock, column, kPanel, panel);
      const int64_t rest = columns.end - column;
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t begin = g * rows.size() / groups, end = (g + 1) * rows.size() / groups;
        float* const c = to.data + (rows.begin + begin) * to.row_stride + column;
        if (in_place && column == columns.begin && rest > kPanel) fetch_rows(in.from(end), blocks);
        Start start{nullptr, 0};
        if (k > 0 || to.accumulate)
          start = {c, to.row_stride};
        else if (to.bias != nullptr)
          start = {to.bias + column, 0};
        if (rest >= kPanel)
          multiply_block(end - begin, blocks, in.from(begin), panel, kPanel, start, c,
                         to.row_stride);
        else
          multiply_edge(end - begin, blocks, in.from(begin), panel, rest, start, c, to.row_stride);
      }
    }
  }
}

}  // namespace
}  // namespace diffuse::ops::cpu
