#include "group_norm_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "exponential.h"
#include "vectorised.h"

namespace diffuse::ops::cpu {

static DIFFUSE_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exp_bounded(-x)); }

// Replaces each channel's value by the mean over its group.
static void average_groups(int64_t channels, int64_t groups, float* values) {
  const int64_t width = channels / groups;
  for (int64_t g = 0; g < groups; ++g) {
    float* const group = values + g * width;
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += group[i];
    for (int64_t i = 0; i < width; ++i) group[i] = static_cast<float>(sum / width);
  }
}

constexpr int64_t kRowsAtOnce = 64;  // whose sums are taken apart: more accurate in float

// Calls work(n, c) for n channels from c on, where n is a constant, so that their sums stay in registers.
template <class Work>
static DIFFUSE_INLINE void for_channels(int64_t channels, const Work& work) {
  int64_t c = 0;
  for (; c + 32 <= channels; c += 32) work(std::integral_constant<int, 32>(), c);
  for (; c + 8 <= channels; c += 8) work(std::integral_constant<int, 8>(), c);
  for (; c < channels; ++c) work(std::integral_constant<int, 1>(), c);
}

// Adds to sums and squares [channels] those of x - centre over rows of x.
template <class T>
static DIFFUSE_INLINE void add_moments(const T* x, int64_t rows, int64_t channels,
                                       const float* centre, float* sums, float* squares) {
  for (int64_t first = 0; first < rows; first += kRowsAtOnce, x += kRowsAtOnce * channels) {
    const int64_t count = std::min(kRowsAtOnce, rows - first);
    for_channels(channels, [&](auto n, int64_t c) DIFFUSE_INLINE_LAMBDA {
      float middle[n], sum[n] = {}, square[n] = {};
      std::copy_n(centre + c, n(), middle);
      for (int64_t row = 0; row < count; ++row) {
        const T* const in = x + row * channels + c;
#pragma omp simd
        for (int i = 0; i < n; ++i) {
          const float difference = in[i] - middle[i];
          sum[i] += difference;
          square[i] += difference * difference;
        }
      }
      for (int i = 0; i < n; ++i) {
        sums[c + i] += sum[i];
        squares[c + i] += square[i];
      }
    });
  }
}

// One pass over the image: differences from the mean of the first rows are small enough that their squares' sums
// do not cancel.
template <class T>
static DIFFUSE_INLINE void statistics(const NormImage<T>& image, float eps, float* mean,
                                      float* rstd) {
  const int64_t channels = image.channels, width = channels / image.groups;
  std::vector<float> moments(4 * channels);
  float *const sums = moments.data(), *const squares = sums + channels,
               *const centre = squares + channels, *const unused = centre + channels;
  const int64_t begin = std::min(kRowsAtOnce, image.pixels);
  for (const NormPart<T>& part : image.parts) {
    const int64_t c = part.first;
    add_moments(part.x, begin, part.channels, sums + c, centre + c, unused + c);
    for (int64_t i = c; i < c + part.channels; ++i) centre[i] /= static_cast<float>(begin);
    add_moments(part.x, image.pixels, part.channels, centre + c, sums + c, squares + c);
  }
  for (int64_t first = 0; first < channels; first += width) {
    const auto shift = [&](int64_t c) { return image.shift == nullptr ? 0.0 : image.shift[c]; };
    const auto count = static_cast<double>(image.pixels);
    double sum = 0, squared = 0;
    for (int64_t c = first; c < first + width; ++c) sum += centre[c] + shift(c) + sums[c] / count;
    const double all = sum / static_cast<double>(width);
    for (int64_t c = first; c < first + width; ++c) {
      const double off = centre[c] + shift(c) - all;  // of the differences' centre
      squared += squares[c] / count + off * (off + 2 * sums[c] / count);
    }
    const double variance = std::max(0.0, squared / static_cast<double>(width));
    for (int64_t c = first; c < first + width; ++c) {
      mean[c] = static_cast<float>(all - shift(c));
      rstd[c] = static_cast<float>(1 / std::sqrt(variance + eps));
    }
  }
}

template <bool kSilu, class T>
static DIFFUSE_INLINE void apply(const NormImage<T>& image, const float* mean, const float* rstd,
                                 T* y) {
  const int64_t channels = image.channels;
  std::vector<float> scale(channels);
  for (int64_t c = 0; c < channels; ++c) scale[c] = rstd[c] * image.weight[c];
  for (const NormPart<T>& part : image.parts) {
    const int64_t first = part.first, width = part.channels;
    const float *const centre = mean + first, *const gain = scale.data() + first,
                       *const bias = image.bias + first;
    for (int64_t begin = 0; begin < image.pixels; begin += kRowsAtOnce) {
      const int64_t end = std::min(begin + kRowsAtOnce, image.pixels);
      for_channels(width, [&](auto n, int64_t c) DIFFUSE_INLINE_LAMBDA {
        float middle[n], factor[n], offset[n];
        std::copy_n(centre + c, n(), middle);
        std::copy_n(gain + c, n(), factor);
        std::copy_n(bias + c, n(), offset);
        for (int64_t row = begin; row < end; ++row) {
          const T* const in = part.x + row * width + c;
          T* const out = y + row * channels + first + c;
#pragma omp simd
          for (int i = 0; i < n; ++i) {
            const float u = (in[i] - middle[i]) * factor[i] + offset[i];
            out[i] = kSilu ? u * sigmoid(u) : u;
          }
        }
      });
    }
  }
}

// Storage of a part's g between the two passes: dx itself, or a buffer if dx would round it.
static float* between_passes(float* dx, std::vector<float>&, int64_t) { return dx; }
static float* between_passes(Bf16*, std::vector<float>& apart, int64_t numel) {
  apart.resize(numel);
  return apart.data();
}

// The first pass of norm_gradient over a part: g, and the sums over pixels of g and g y^.
template <bool kSilu, class T>
static DIFFUSE_INLINE void gradient_sums(const NormImage<T>& image, const NormPart<T>& part,
                                         const float* mean, const float* rstd, const T* dy,
                                         float* g_out, float* d_weight, float* d_bias) {
  const float *const weight = image.weight + part.first, *const bias = image.bias + part.first;
  for (int64_t first = 0; first < image.pixels; first += kRowsAtOnce)
    for_channels(part.channels, [&](auto n, int64_t c) DIFFUSE_INLINE_LAMBDA {
      float sum[n] = {}, product_sum[n] = {};
      const int64_t end = std::min(first + kRowsAtOnce, image.pixels);
      for (int64_t row = first; row < end; ++row) {
        const T *const in = part.x + row * part.channels + c, *const up =
                                                                  dy + row * image.channels + c;
        float* const out = g_out + row * part.channels + c;
#pragma omp simd
        for (int i = 0; i < n; ++i) {
          const float normal = (in[i] - mean[c + i]) * rstd[c + i];
          float g = up[i];
          if constexpr (kSilu) {
            const float u = normal * weight[c + i] + bias[c + i];
            const float s = sigmoid(u);
            g *= s * (1.0f + u * (1.0f - s));
          }
          out[i] = g;
          sum[i] += g;
          product_sum[i] += g * normal;
        }
      }
      for (int i = 0; i < n; ++i) {
        d_bias[c + i] += sum[i];
        d_weight[c + i] += product_sum[i];
      }
    });
}

// With g = dL/du, u the normalised value before the activation, y^ = (x - mean) rstd and < > the
// mean over a group:  dx = rstd (g w - <g w> - y^ <g w y^>)
template <class T>
static DIFFUSE_INLINE void gradient(const NormImage<T>& image, const float* mean, const float* rstd,
                                    const T* dy, T* const dx[2], float* d_weight, float* d_bias,
                                    float* d_shift) {
  const int64_t channels = image.channels;
  std::memset(d_weight, 0, sizeof(float) * channels);
  std::memset(d_bias, 0, sizeof(float) * channels);
  std::vector<float> apart[2];
  float* g[2];
  for (size_t i = 0; i < 2; ++i) {
    const int64_t first = image.parts[i].first;
    g[i] = between_passes(dx[i], apart[i], image.pixels * image.parts[i].channels);
    const auto add_sums = [&](auto silu) DIFFUSE_INLINE_LAMBDA {
      gradient_sums<silu>(image, image.parts[i], mean + first, rstd + first, dy + first, g[i],
                          d_weight + first, d_bias + first);
    };
    image.silu ? add_sums(std::true_type()) : add_sums(std::false_type());
  }
  std::vector<float> mean_g(channels), mean_gy(channels);
  const auto count = static_cast<float>(image.pixels);
  for (int64_t c = 0; c < channels; ++c) {
    mean_g[c] = d_bias[c] * image.weight[c] / count;
    mean_gy[c] = d_weight[c] * image.weight[c] / count;
  }
  average_groups(channels, image.groups, mean_g.data());
  average_groups(channels, image.groups, mean_gy.data());
  std::memset(d_shift, 0, sizeof(float) * channels);
  for (size_t i = 0; i < 2; ++i) {
    const NormPart<T>& part = image.parts[i];
    const int64_t first = part.first, width = part.channels;
    const float *const centre = mean + first, *const r = rstd + first,
                       *const weight = image.weight + first, *const g_mean = mean_g.data() + first,
                       *const gy_mean = mean_gy.data() + first;
    float* const shift_sum = d_shift + first;
    for (int64_t begin = 0; begin < image.pixels; begin += kRowsAtOnce)
      for_channels(width, [&](auto n, int64_t c) DIFFUSE_INLINE_LAMBDA {
        float sum[n] = {};
        const int64_t end = std::min(begin + kRowsAtOnce, image.pixels);
        for (int64_t row = begin; row < end; ++row) {
          const T* const in = part.x + row * width + c;
          const float* const kept = g[i] + row * width + c;
          T* const out = dx[i] + row * width + c;
#pragma omp simd
          for (int j = 0; j < n; ++j) {
            const float normal = (in[j] - centre[c + j]) * r[c + j];
            const float change =
                r[c + j] * (kept[j] * weight[c + j] - g_mean[c + j] - normal * gy_mean[c + j]);
            out[j] = change;
            sum[j] += change;
          }
        }
        for (int j = 0; j < n; ++j) shift_sum[c + j] += sum[j];
      });
  }
}

DIFFUSE_VECTORISED
void norm_statistics(const NormImage<float>& image, float eps, float* mean, float* rstd) {
  statistics(image, eps, mean, rstd);
}

DIFFUSE_VECTORISED
void norm_statistics(const NormImage<Bf16>& image, float eps, float* mean, float* rstd) {
  statistics(image, eps, mean, rstd);
}

DIFFUSE_VECTORISED
void norm_apply(const NormImage<float>& image, const float* mean, const float* rstd, float* y) {
  image.silu ? apply<true>(image, mean, rstd, y) : apply<false>(image, mean, rstd, y);
}

DIFFUSE_VECTORISED
void norm_apply(const NormImage<Bf16>& image, const float* mean, const float* rstd, Bf16* y) {
  image.silu ? apply<true>(image, mean, rstd, y) : apply<false>(image, mean, rstd, y);
}

DIFFUSE_VECTORISED
void norm_gradient(const NormImage<float>& image, const float* mean, const float* rstd,
                   const float* dy, float* const dx[2], float* d_weight, float* d_bias,
                   float* d_shift) {
  gradient(image, mean, rstd, dy, dx, d_weight, d_bias, d_shift);
}

DIFFUSE_VECTORISED
void norm_gradient(const NormImage<Bf16>& image, const float* mean, const float* rstd,
                   const Bf16* dy, Bf16* const dx[2], float* d_weight, float* d_bias,
                   float* d_shift) {
  gradient(image, mean, rstd, dy, dx, d_weight, d_bias, d_shift);
}

}  // namespace diffuse::ops::cpu
