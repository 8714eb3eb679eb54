// Winograd's loops for vectors of DIFFUSE_LANES floats. Included by one file per vector width, which is compiled
// for processors that have it: everything here is local to that file.
#if DIFFUSE_LANES == 16
#include <immintrin.h>
#endif

#include "lanes.h"
#include "winograd_kernel.h"

namespace diffuse::ops::cpu {
namespace {

constexpr int kGradientRows = kLanes == 16 ? 8 : 4;  // of a filters' gradient in registers

// One dimension of the transforms; the points are 0, 1, -1, 2, -2 and infinity.
struct InputTransform {  // B'
  static constexpr int kFrom = 6, kTo = 6;
  static DIFFUSE_INLINE void apply(const Vector (&d)[6], Vector (&out)[6]) {
    const Vector even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
    const Vector outer = d[4] - d[2], inner = 2 * (d[3] - d[1]);
    out[0] = 4 * d[0] - 5 * d[2] + d[4];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = outer + inner;
    out[4] = outer - inner;
    out[5] = 4 * d[1] - 5 * d[3] + d[5];
  }
};

struct GradientTransform {  // A
  static constexpr int kFrom = 4, kTo = 6;
  static DIFFUSE_INLINE void apply(const Vector (&d)[4], Vector (&out)[6]) {
    const Vector even = d[0] + d[2], odd = d[1] + d[3];
    const Vector even2 = d[0] + 4 * d[2], odd2 = 2 * d[1] + 8 * d[3];
    out[0] = d[0];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = d[3];
  }
};

struct FilterTransform {  // G
  static constexpr int kFrom = 3, kTo = 6;
  static DIFFUSE_INLINE void apply(const Vector (&g)[3], Vector (&out)[6]) {
    const float sixth = 1.0F / 6;
    const Vector even = -sixth * (g[0] + g[2]), odd = sixth * g[1];
    const Vector even2 = sixth * (g[0] * 0.25F + g[2]), odd2 = g[1] * (1.0F / 12);
    out[0] = g[0] * 0.25F;
    out[1] = even - odd;
    out[2] = even + odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = g[2];
  }
};

struct FilterGradientTransform {  // G'
  static constexpr int kFrom = 6, kTo = 3;
  static DIFFUSE_INLINE void apply(const Vector (&m)[6], Vector (&out)[3]) {
    const float sixth = 1.0F / 6;
    const Vector sum = sixth * (m[1] + m[2]), sum2 = sixth * (m[3] + m[4]);
    out[0] = m[0] * 0.25F - sum + sum2 * 0.25F;
    out[1] = sixth * (m[2] - m[1]) + (m[3] - m[4]) * (1.0F / 12);
    out[2] = sum2 - sum + m[5];
  }
};

struct OutputTransform {  // A'
  static constexpr int kFrom = 6, kTo = 4;
  static DIFFUSE_INLINE void apply(const Vector (&m)[6], Vector (&out)[4]) {
    const Vector sum = m[1] + m[2], difference = m[1] - m[2];
    const Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    out[0] = m[0] + sum + sum2;
    out[1] = difference + 2 * difference2;
    out[2] = sum + 4 * sum2;
    out[3] = difference + 8 * difference2 + m[5];
  }
};

// The same for doubled images, without the third point.
template <class Full>
struct WithoutThird {
  static constexpr int kFrom = Full::kFrom, kTo = 5;
  static DIFFUSE_INLINE void apply(const Vector (&d)[kFrom], Vector (&out)[5]) {
    Vector all[6];
    Full::apply(d, all);
    out[0] = all[0];
    out[1] = all[1];
    out[2] = all[3];
    out[3] = all[4];
    out[4] = all[5];
  }
};

struct DoubledInputTransform {  // B', of the small image's pixels
  static constexpr int kFrom = 4, kTo = 5;
  static DIFFUSE_INLINE void apply(const Vector (&d)[4], Vector (&out)[5]) {
    const Vector difference = d[2] - d[1];
    out[0] = 4 * d[0] - 5 * d[1] + d[2];
    out[1] = 2 * d[2] - 8 * d[1];
    out[2] = 3 * difference;
    out[3] = -difference;
    out[4] = 4 * d[1] - 5 * d[2] + d[3];
  }
};

struct DoubledOutputTransform {  // A'
  static constexpr int kFrom = 5, kTo = 4;
  static DIFFUSE_INLINE void apply(const Vector (&m)[5], Vector (&out)[4]) {
    const Vector sum = m[2] + m[3], difference = m[2] - m[3];
    out[0] = m[0] + m[1] + sum;
    out[1] = m[1] + 2 * difference;
    out[2] = m[1] + 4 * sum;
    out[3] = m[1] + 8 * difference + m[4];
  }
};

struct SmallGradientTransform {  // A', outputs added in pairs
  static constexpr int kFrom = 5, kTo = 2;
  static DIFFUSE_INLINE void apply(const Vector (&m)[5], Vector (&out)[2]) {
    const Vector twice = 2 * m[1], rest = 3 * m[2] - m[3];
    out[0] = m[0] + twice + rest;
    out[1] = m[4] + twice + 4 * rest;
  }
};

struct DoubledFilterGradientTransform {  // G'
  static constexpr int kFrom = 5, kTo = 3;
  static DIFFUSE_INLINE void apply(const Vector (&m)[5], Vector (&out)[3]) {
    const float sixth = 1.0F / 6;
    const Vector one = sixth * m[1], sum = sixth * (m[2] + m[3]);
    out[0] = m[0] * 0.25F - one + sum * 0.25F;
    out[1] = (m[2] - m[3]) * (1.0F / 12) - one;
    out[2] = sum - one + m[4];
  }
};

// Both dimensions: from(i, j) -> to(i, j, value).
template <class Transform, class From, class To>
DIFFUSE_INLINE void transform(const From& from, const To& to) {
  constexpr int N = Transform::kFrom, M = Transform::kTo;
  Vector half[M][N];
#pragma GCC unroll 6
  for (int j = 0; j < N; ++j) {
    Vector in[N], out[M];
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i) in[i] = from(i, j);
    Transform::apply(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < M; ++i) half[i][j] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < M; ++i) {
    Vector out[M];
    Transform::apply(half[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < M; ++j) to(i, j, out[j]);
  }
}

// Goes through a range of tiles: the image, row and column of each.
class TileWalk {
 public:
  TileWalk(const TiledImages& images, int64_t tile)
      : rows_(images.rows()), columns_(images.columns()), size_(images.tile) {
    image_ = tile / (rows_ * columns_);
    row_ = tile / columns_ % rows_;
    column_ = tile % columns_;
  }

  int64_t image() const { return image_; }
  int64_t top() const { return row_ * size_; }
  int64_t left() const { return column_ * size_; }

  void next() {
    if (++column_ < columns_) return;
    column_ = 0;
    if (++row_ < rows_) return;
    row_ = 0;
    ++image_;
  }

 private:
  int64_t rows_, columns_, size_, image_, row_, column_;
};

// The N x N pixels of a tile, which begins `border` pixels before its outputs.
template <int N, class T>
class Window {
 public:
  DIFFUSE_INLINE Window(const TiledImages& images, const TileWalk& walk, int border)
      : row_(images.width * images.channels), column_(images.channels) {
    const int64_t top = walk.top() - border, left = walk.left() - border;
    first_ =
        static_cast<T*>(images.data) + (walk.image() * images.height + top) * row_ + left * column_;
    inside_ = top >= 0 && left >= 0 && top + N <= images.height && left + N <= images.width;
    if (inside_) return;
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < N; ++j)
        has_[i][j] =
            top + i >= 0 && top + i < images.height && left + j >= 0 && left + j < images.width;
  }

  bool inside() const { return inside_; }  // whether the image has them all
  DIFFUSE_INLINE bool has(int i, int j) const { return inside_ || has_[i][j]; }
  DIFFUSE_INLINE T* at(int i, int j) const { return first_ + i * row_ + j * column_; }

 private:
  T* first_;
  int64_t row_, column_;
  bool inside_;
  bool has_[N][N] = {};
};

// Brings what a tile will need into the second cache. Beyond the images there is nothing, which costs nothing.
template <bool kWrite, int N, class T>
DIFFUSE_INLINE void fetch(const Window<N, T>& window, int64_t channel) {
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j)
      __builtin_prefetch(window.at(i, j) + channel, kWrite ? 1 : 0, kWrite ? 3 : 2);
}

// Tiles' channels with a border, transformed, into planes at a distance of `plane`. sums: the pixels' sum is added to
// that of each channel; null: not.
template <class Transform, int kBorder, class T>
void spread(const TiledImages& images, Range tiles, Range channels, int64_t plane, float* planes,
            float* sums) {
  constexpr int N = Transform::kFrom, M = Transform::kTo;
  const int64_t blocks = blocks_of(channels.size());
  TileWalk walk(images, tiles.begin), ahead(images, tiles.begin + images.columns() + 1);
  for (int64_t t = 0; t < tiles.size(); ++t, walk.next(), ahead.next()) {
    const Window<N, T> window(images, walk, kBorder);
    const Window<N - 2 * kBorder, T> later(images, ahead, 0);
    for (int64_t c = 0; c < blocks * kBlock; c += kLanes) {
      const int64_t rest = channels.end - channels.begin - c, channel = channels.begin + c;
      float* const out = planes + (c / kBlock * tiles.size() + t) * kBlock + c % kBlock;
      const auto to = [&](int i, int j, Vector v) { store(v, out + (i * M + j) * plane); };
      Vector sum = sums == nullptr ? zero() : load(sums + c);
      const auto counted = [&](Vector v) {
        if (sums != nullptr) sum += v;
        return v;
      };
      fetch<false>(later, channel);
      if (window.inside() && rest >= kLanes)
        transform<Transform>([&](int i, int j) { return counted(load(window.at(i, j) + channel)); },
                             to);
      else if (rest >= kLanes)
        transform<Transform>(
            [&](int i, int j) {
              return window.has(i, j) ? counted(load(window.at(i, j) + channel)) : zero();
            },
            to);
      else
        transform<Transform>(
            [&](int i, int j) {
              return window.has(i, j) && rest > 0
                         ? counted(load_first(window.at(i, j) + channel, rest))
                         : zero();
            },
            to);
      if (sums != nullptr) store(sum, sums + c);
    }
  }
}

template <class Transform, int kBorder>
void spread_all(const TiledImages& images, Range tiles, Range channels, int64_t plane,
                float* planes, float* sums) {
  const auto into_planes =
      images.bf16 ? spread<Transform, kBorder, uint16_t> : spread<Transform, kBorder, float>;
  into_planes(images, tiles, channels, plane, planes, sums);
}

void input(const TiledImages& x, Range tiles, Range channels, int64_t side, float* planes) {
  const auto into_planes = side == kSide          ? spread_all<InputTransform, 1>
                           : x.tile == kSmallTile ? spread_all<DoubledInputTransform, 1>
                                                  : spread_all<WithoutThird<InputTransform>, 1>;
  into_planes(x, tiles, channels, plane_stride(x.channels, tiles.size()),
              planes + channels.begin * tiles.size(), nullptr);
}

void output_gradient(const TiledImages& dy, Range tiles, Range channels, int64_t side,
                     float* planes, float* sums) {
  const auto into_planes = side == kSide ? spread_all<GradientTransform, 0>
                                         : spread_all<WithoutThird<GradientTransform>, 0>;
  into_planes(dy, tiles, channels, plane_stride(channels.size(), tiles.size()), planes, sums);
}

constexpr int64_t kFilterPlane = kDepth * kPanel + kGap;

// The taps of outputs [first, first + 32) and inputs [k, k + 16) of the convolution as [9][16][32], 0 beyond the
// filters.
DIFFUSE_INLINE void gather_taps(const Filters& f, int64_t first, int64_t k, float* taps) {
  const int64_t output = 9 * f.inputs;  // distance in memory
  for (int tap = 0; tap < 9; ++tap) {
    const float* const weight = f.weight + (f.turned ? 8 - tap : tap) * f.inputs;
    const Matrix matrix{weight, f.from(), f.to(), f.turned ? output : 1, f.turned ? 1 : output};
    copy_block(matrix, k, kBlock, first, kPanel, taps + tap * kBlock * kPanel);
  }
}

template <class Transform>
DIFFUSE_INLINE void transform_taps(const float* taps, int64_t size, float* out) {
  for (int64_t at = 0; at < size; at += kLanes)
    transform<Transform>([&](int i, int j) { return load(taps + (i * 3 + j) * size + at); },
                         [&](int i, int j, Vector v) {
                           store(v, out + at + (i * Transform::kTo + j) * kFilterPlane);
                         });
}

// G g G' of inputs [k, k + depth) as planes [kDepth][32].
DIFFUSE_INLINE void filter_panel(const Filters& f, int64_t first, int64_t k, int64_t depth,
                                 float* out) {
  alignas(64) float taps[9 * kBlock * kPanel];  // stays in the first cache
  for (int64_t i = 0; i < depth; i += kBlock, out += kBlock * kPanel) {
    gather_taps(f, first, k + i, taps);
    f.side == kSide ? transform_taps<FilterTransform>(taps, kBlock * kPanel, out)
                    : transform_taps<WithoutThird<FilterTransform>>(taps, kBlock * kPanel, out);
  }
}

// Brings the i-th of n parts of what filter_panel will read into the second cache.
DIFFUSE_INLINE void fetch_taps(const Filters& f, int64_t first, int64_t k, int64_t i, int64_t n) {
  if (first >= f.to()) return;
  const int64_t row = 9 * (f.turned ? k : first), rows = 9 * (f.turned ? kDepth : kPanel);
  const int64_t column = f.turned ? first : k, columns = f.turned ? kPanel : kDepth;
  for (int64_t r = i * rows / n; r < (i + 1) * rows / n; ++r)
    for (int64_t c = 0; c < columns; c += 64 / static_cast<int64_t>(sizeof(float)))
      __builtin_prefetch(f.weight + (row + r) * f.inputs + column + c, 0, 2);
}

void products(const Filters& f, int64_t first, int64_t next, int64_t tiles, const float* planes,
              float* scratch, float* sums) {
  const int64_t in_plane = plane_stride(f.from(), tiles), out_plane = plane_stride(kPanel, tiles);
  const int64_t groups = ceil_divide(tiles, kRows), points = f.side * f.side;
  const int64_t columns = f.to() - first <= kBlock ? kBlock : kPanel;
  for (int64_t k = 0; k < f.from(); k += kDepth) {
    const int64_t left = blocks_of(f.from() - k);
    const int64_t blocks = left < kDepth / kBlock ? left : kDepth / kBlock;
    filter_panel(f, first, k, blocks * kBlock, scratch);
    const bool last = k + kDepth >= f.from();
    for (int64_t p = 0; p < points; ++p) {
      fetch_taps(f, last ? next : first, last ? 0 : k + kDepth, p, points);
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t begin = g * tiles / groups, end = (g + 1) * tiles / groups;
        const float* const in = planes + p * in_plane + k * tiles + begin * kBlock;
        float* const to = sums + p * out_plane + begin * kPanel;
        multiply_block(end - begin, blocks, {in, kBlock, tiles * kBlock},
                       scratch + p * kFilterPlane, columns, {k > 0 ? to : nullptr, kPanel}, to,
                       kPanel);
      }
    }
  }
}

// Whether to write images past the caches, which could not hold them: else each line would be read first. Lines
// must be whole.
DIFFUSE_INLINE bool streams(const TiledImages& y) {
  constexpr int64_t kCached = 8 << 20;
  return kLanes == 16 && y.channels % kLanes == 0 &&
         reinterpret_cast<uintptr_t>(y.data) % 64 == 0 &&
         y.count * y.height * y.width * y.channels * 4 > kCached;
}

template <bool kStream, class T>
DIFFUSE_INLINE void put(Vector v, T* p) {
#if DIFFUSE_LANES == 16
  if constexpr (kStream) return _mm512_stream_ps(p, reinterpret_cast<__m512>(v));
#endif
  store(v, p);
}

template <class Transform, class T, bool kStream>
DIFFUSE_INLINE void gather(const TiledImages& y, Range tiles, int64_t first, const float* sums,
                           const float* bias) {
  constexpr int N = Transform::kFrom, M = Transform::kTo;
  const int64_t plane = plane_stride(kPanel, tiles.size());
  TileWalk walk(y, tiles.begin), ahead(y, tiles.begin + 1);
  for (int64_t t = 0; t < tiles.size(); ++t, walk.next(), ahead.next()) {
    const Window<M, T> window(y, walk, 0), next(y, ahead, 0);
    for (int64_t c = 0; c < kPanel && first + c < y.channels; c += kLanes) {
      const int64_t channel = first + c, rest = y.channels - channel;
      const Vector shift = bias == nullptr ? zero() : load_upto(bias + channel, rest);
      const auto from = [&](int i, int j) {
        return load(sums + (i * N + j) * plane + t * kPanel + c);
      };
      if (!kStream) fetch<true>(next, channel);
      if (window.inside() && rest >= kLanes)
        transform<Transform>(from, [&](int i, int j, Vector v) {
          put<kStream>(v + shift, window.at(i, j) + channel);
        });
      else
        transform<Transform>(from, [&](int i, int j, Vector v) {
          if (window.has(i, j)) store_upto(v + shift, window.at(i, j) + channel, rest);
        });
    }
  }
#if DIFFUSE_LANES == 16
  if (kStream) _mm_sfence();
#endif
}

template <class Transform>
void gather_all(const TiledImages& y, Range tiles, int64_t first, const float* sums,
                const float* bias) {
  if (y.bf16)
    gather<Transform, uint16_t, false>(y, tiles, first, sums, bias);
  else if (streams(y))
    gather<Transform, float, true>(y, tiles, first, sums, bias);
  else
    gather<Transform, float, false>(y, tiles, first, sums, bias);
}

void output(const TiledImages& y, Range tiles, int64_t first, int64_t side, const float* sums,
            const float* bias) {
  const auto from_planes = side == kSide          ? gather_all<OutputTransform>
                           : y.tile == kSmallTile ? gather_all<SmallGradientTransform>
                                                  : gather_all<DoubledOutputTransform>;
  from_planes(y, tiles, first, sums, bias);
}

// Rows o .. o + R - 1 of gradients [tiles][16] times N vectors of inputs [blocks][tiles][16], summed over tiles,
// into sums [R][kDepth].
template <int R, int N>
DIFFUSE_INLINE void sum_products(int64_t tiles, const float* gradients, const float* inputs,
                                 float* sums) {
  constexpr int kPerBlock = kBlock / kLanes;
  Vector acc[R][N] = {};
  for (int64_t t = 0; t < tiles; ++t) {
    Vector x[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n)
      x[n] = load(inputs + (n / kPerBlock * tiles + t) * kBlock + n % kPerBlock * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) acc[r][n] += gradients[t * kBlock + r] * x[n];
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) store(acc[r][n], sums + r * kDepth + n * kLanes);
}

// The sums over tiles of `outputs` x `blocks` of inputs, into planes [32][kDepth].
DIFFUSE_INLINE void sum_panel(int64_t planes, int64_t tiles, int64_t rows, int64_t blocks,
                              const float* gradients, int64_t gradient_plane, const float* inputs,
                              int64_t input_plane, float* sums) {
  constexpr int kStep = 2 * kLanes > kBlock ? 2 * kLanes / kBlock : 1;  // blocks per call
  for (int64_t p = 0; p < planes; ++p)
    for (int64_t o = 0; o < rows; o += kGradientRows) {
      const float* const g =
          gradients + p * gradient_plane + o / kBlock * tiles * kBlock + o % kBlock;
      float* const to = sums + p * kFilterPlane + o * kDepth;
      for (int64_t b = 0; b < blocks; b += kStep) {
        const float* const x = inputs + p * input_plane + b * tiles * kBlock;
        if constexpr (kLanes == 16) {
          blocks - b > 1 ? sum_products<kGradientRows, 2>(tiles, g, x, to + b * kBlock)
                         : sum_products<kGradientRows, 1>(tiles, g, x, to + b * kBlock);
        } else {
          for (int64_t c = 0; c < kBlock; c += 2 * kLanes)
            sum_products<kGradientRows, 2>(tiles, g, x + c, to + b * kBlock + c);
        }
      }
    }
}

// G' m G of sums [kDepth] of one output, of planes, into `inputs` of its filters from k on, or added to them.
template <class Transform>
void put_taps(const Filters& f, int64_t output, int64_t k, int64_t inputs, bool add,
              const float* sums) {
  for (int64_t c = 0; c < inputs && k + c < f.inputs; c += kLanes) {
    float* const to = f.weight + output * 9 * f.inputs + k + c;
    const int64_t rest = f.inputs - k - c;
    transform<Transform>(
        [&](int i, int j) { return load(sums + c + (i * Transform::kFrom + j) * kFilterPlane); },
        [&](int i, int j, Vector v) {
          float* const tap = to + (i * 3 + j) * f.inputs;
          store_upto(add ? v + load_upto(tap, rest) : v, tap, rest);
        });
  }
}

void filter_gradient(const Filters& f, Range outputs, int64_t tiles, const float* gradients,
                     const float* inputs, bool add, float* scratch) {
  const int64_t gradient_plane = plane_stride(outputs.size(), tiles);
  const int64_t input_plane = plane_stride(f.inputs, tiles);
  for (int64_t k = 0; k < f.inputs; k += kDepth)
    for (int64_t o = 0; o < outputs.size(); o += kPanel) {
      const int64_t left = outputs.size() - o, rows = left < kPanel ? left : kPanel;
      const int64_t inputs_left = blocks_of(f.inputs - k);
      const int64_t blocks = inputs_left < kDepth / kBlock ? inputs_left : kDepth / kBlock;
      sum_panel(f.side * f.side, tiles, rows, blocks, gradients + o * tiles, gradient_plane,
                inputs + k * tiles, input_plane, scratch);
      const auto put = f.side == kSide ? put_taps<FilterGradientTransform>
                                       : put_taps<DoubledFilterGradientTransform>;
      for (int64_t r = 0; r < rows; ++r)
        put(f, outputs.begin + o + r, k, blocks * kBlock, add, scratch + r * kDepth);
    }
}

}  // namespace

}  // namespace diffuse::ops::cpu
