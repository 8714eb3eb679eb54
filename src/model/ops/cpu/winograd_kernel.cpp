#include "winograd_kernel.h"

#include <vector>

#include "vectorised.h"

// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result): sizes of a tile, 36 at most.
namespace diffuse::ops::cpu {

namespace {

// B' of six values; the points are 0, 1, -1, 2, -2 and infinity. A tile has a border of one pixel.
struct Input1d {
  static constexpr int kSize = 6, kBorder = 1;
  static DIFFUSE_INLINE void apply(const float (&d)[6], float (&out)[6]);
};

// A of four values.
struct Gradient1d {
  static constexpr int kSize = 4, kBorder = 0;
  static DIFFUSE_INLINE void apply(const float (&d)[4], float (&out)[6]);
};

// G of three values.
struct Filter1d {
  static constexpr int kSize = 3;
  static DIFFUSE_INLINE void apply(const float (&g)[3], float (&out)[6]);
};

// A' of six values.
struct Output1d {
  static constexpr int kSize = 4;
  static DIFFUSE_INLINE void apply(const float (&m)[6], float (&out)[4]);
};

// G' of six values.
struct FilterGradient1d {
  static constexpr int kSize = 3;
  static DIFFUSE_INLINE void apply(const float (&m)[6], float (&out)[3]);
};

}  // namespace

DIFFUSE_INLINE void Input1d::apply(const float (&d)[6], float (&out)[6]) {
  const float even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
  const float outer = d[4] - d[2], inner = 2 * (d[3] - d[1]);
  out[0] = 4 * d[0] - 5 * d[2] + d[4];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = outer + inner;
  out[4] = outer - inner;
  out[5] = 4 * d[1] - 5 * d[3] + d[5];
}

DIFFUSE_INLINE void Gradient1d::apply(const float (&d)[4], float (&out)[6]) {
  const float even = d[0] + d[2], odd = d[1] + d[3];
  const float even2 = d[0] + 4 * d[2], odd2 = 2 * d[1] + 8 * d[3];
  out[0] = d[0];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = d[3];
}

DIFFUSE_INLINE void Filter1d::apply(const float (&g)[3], float (&out)[6]) {
  const float sixth = 1.0F / 6, even = -sixth * (g[0] + g[2]), odd = sixth * g[1];
  const float even2 = sixth * (g[0] / 4 + g[2]), odd2 = g[1] / 12;
  out[0] = g[0] / 4;
  out[1] = even - odd;
  out[2] = even + odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = g[2];
}

DIFFUSE_INLINE void FilterGradient1d::apply(const float (&m)[6], float (&out)[3]) {
  const float sixth = 1.0F / 6, sum = sixth * (m[1] + m[2]), sum2 = sixth * (m[3] + m[4]);
  out[0] = m[0] / 4 - sum + sum2 / 4;
  out[1] = sixth * (m[2] - m[1]) + (m[3] - m[4]) / 12;
  out[2] = sum2 - sum + m[5];
}

DIFFUSE_INLINE void Output1d::apply(const float (&m)[6], float (&out)[4]) {
  const float sum = m[1] + m[2], difference = m[1] - m[2];
  const float sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  out[0] = m[0] + sum + sum2;
  out[1] = difference + 2 * difference2;
  out[2] = sum + 4 * sum2;
  out[3] = difference + 8 * difference2 + m[5];
}

// The pixels (top + i, left + j), i and j < N, of an image; zeros outside it.
template <int N>
static DIFFUSE_INLINE void tile_pixels(const TileGrid& grid, const float* image, const float* zeros,
                                       int64_t top, int64_t left, const float* (&pixels)[N][N]) {
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) {
      const int64_t row = top + i, column = left + j;
      const bool inside = row >= 0 && row < grid.height && column >= 0 && column < grid.width;
      pixels[i][j] = inside ? image + (row * grid.width + column) * grid.channels : zeros;
    }
}

// Applies a transform of N values to six to the columns and then to the rows of a tile.
template <class Transform, int N>
static DIFFUSE_INLINE void spread_tile(const float* (&pixels)[N][N], int64_t channels,
                                       float* scratch, float* out, int64_t plane) {
  for (int j = 0; j < N; ++j) {
    const float* in[N];
    for (int i = 0; i < N; ++i) in[i] = pixels[i][j];
    float* const half = scratch + j * channels;  // [6][N][C]
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      float d[N], t[6];
      for (int i = 0; i < N; ++i) d[i] = in[i][c];
      Transform::apply(d, t);
      for (int i = 0; i < 6; ++i) half[i * N * channels + c] = t[i];
    }
  }
  for (int i = 0; i < 6; ++i) {
    const float* const half = scratch + i * N * channels;
    float* const to = out + i * 6 * plane;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      float d[N], t[6];
      for (int j = 0; j < N; ++j) d[j] = half[j * channels + c];
      Transform::apply(d, t);
      for (int j = 0; j < 6; ++j) to[j * plane + c] = t[j];
    }
  }
}

template <class Transform>
static DIFFUSE_INLINE void spread_image(const TileGrid& grid, const float* image, float* planes,
                                        int64_t plane) {
  constexpr int N = Transform::kSize;
  const std::vector<float> zeros(grid.channels);
  std::vector<float> scratch(6 * N * grid.channels);
  for (int64_t row = 0; row < grid.rows(); ++row)
    for (int64_t column = 0; column < grid.columns(); ++column) {
      const float* pixels[N][N];
      tile_pixels<N>(grid, image, zeros.data(), row * kTile - Transform::kBorder,
                     column * kTile - Transform::kBorder, pixels);
      spread_tile<Transform, N>(pixels, grid.channels, scratch.data(),
                                planes + (row * grid.columns() + column) * grid.channels, plane);
    }
}

DIFFUSE_VECTORISED
void winograd_input(const TileGrid& grid, const float* x, float* planes, int64_t plane) {
  spread_image<Input1d>(grid, x, planes, plane);
}

DIFFUSE_VECTORISED
void winograd_gradient(const TileGrid& grid, const float* dy, float* planes, int64_t plane) {
  spread_image<Gradient1d>(grid, dy, planes, plane);
}

// Applies a transform of six values to N to the columns and then to the rows of a tile's planes; writes value
// (i, j) plus `bias` to pixels[i][j].
template <class Transform, int N>
static DIFFUSE_INLINE void gather_tile(const float* tile, int64_t plane, int64_t channels,
                                       const float* bias, float* scratch, float* (&pixels)[N][N]) {
  for (int j = 0; j < 6; ++j) {
    float* const half = scratch + j * channels;  // [N][6][C]
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      float m[6], t[N];
      for (int i = 0; i < 6; ++i) m[i] = tile[(i * 6 + j) * plane + c];
      Transform::apply(m, t);
      for (int i = 0; i < N; ++i) half[i * 6 * channels + c] = t[i];
    }
  }
  for (int i = 0; i < N; ++i) {
    const float* const half = scratch + i * 6 * channels;
    float* to[N];
    for (int j = 0; j < N; ++j) to[j] = pixels[i][j];
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      float m[6], t[N];
      for (int j = 0; j < 6; ++j) m[j] = half[j * channels + c];
      Transform::apply(m, t);
      for (int j = 0; j < N; ++j) to[j][c] = t[j] + bias[c];
    }
  }
}

DIFFUSE_VECTORISED
void winograd_output(const TileGrid& grid, const float* planes, int64_t plane, const float* bias,
                     float* y) {
  const int64_t channels = grid.channels;
  const std::vector<float> zeros(channels);
  std::vector<float> scratch(4 * 6 * channels), outside(kTile * channels);
  for (int64_t row = 0; row < grid.rows(); ++row)
    for (int64_t column = 0; column < grid.columns(); ++column) {
      float* pixels[kTile][kTile];
      for (int64_t i = 0; i < kTile; ++i)
        for (int64_t j = 0; j < kTile; ++j) {
          const int64_t top = row * kTile + i, left = column * kTile + j;
          pixels[i][j] = top < grid.height && left < grid.width
                             ? y + (top * grid.width + left) * channels
                             : outside.data() + j * channels;
        }
      gather_tile<Output1d>(planes + (row * grid.columns() + column) * channels, plane, channels,
                            bias ? bias : zeros.data(), scratch.data(), pixels);
    }
}

DIFFUSE_VECTORISED
void winograd_filters(const FilterSet& set, const float* weight, bool turned, float* planes) {
  const int64_t channels = set.inputs;
  std::vector<float> scratch(6 * 3 * channels);
  for (int64_t o = set.begin; o < set.end; ++o) {
    const float* taps[3][3];
    for (int k = 0; k < 9; ++k)
      taps[k / 3][k % 3] = weight + (o * 9 + (turned ? 8 - k : k)) * channels;
    spread_tile<Filter1d, 3>(taps, channels, scratch.data(), planes + o * channels,
                             set.outputs * channels);
  }
}

DIFFUSE_VECTORISED
void winograd_filter_gradient(const FilterSet& set, const float* planes, float* weight) {
  const int64_t channels = set.inputs;
  const std::vector<float> zeros(channels);
  std::vector<float> scratch(3 * 6 * channels);
  for (int64_t o = set.begin; o < set.end; ++o) {
    float* taps[3][3];
    for (int k = 0; k < 9; ++k) taps[k / 3][k % 3] = weight + (o * 9 + k) * channels;
    gather_tile<FilterGradient1d>(planes + o * channels, set.outputs * channels, channels,
                                  zeros.data(), scratch.data(), taps);
  }
}

}  // namespace diffuse::ops::cpu
// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)
