#include "group_norm_kernel.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "vectorised.h"

namespace diffuse::ops::cpu {

// e^x to 2 units in the last place, for |x| <= 87: 2^n e^r with |r| <= ln 2 / 2, e^r by Cephes'
// polynomial. Unlike std::exp it lets loops around it be vectorised.
static DIFFUSE_INLINE float exp_bounded(float x) {
  x = x < -87.0f ? -87.0f : (x > 87.0f ? 87.0f : x);
  const float n = std::nearbyint(x * 1.44269504f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

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

// Column means of f(x - centre), summed over blocks of rows for accuracy in float.
template <class T, class F>
static DIFFUSE_INLINE void column_means(const NormImage<T>& image, F f, float* means,
                                        float* block) {
  constexpr int64_t kBlock = 64;
  std::memset(means, 0, sizeof(float) * image.channels);
  for (const NormPart<T>& part : image.parts) {
    float* const sums = means + part.first;
    for (int64_t begin = 0; begin < image.pixels; begin += kBlock) {
      const int64_t end = begin + kBlock < image.pixels ? begin + kBlock : image.pixels;
      std::memset(block, 0, sizeof(float) * part.channels);
      for (int64_t row = begin; row < end; ++row) {
        const T* const x = part.x + row * part.channels;
#pragma omp simd
        for (int64_t c = 0; c < part.channels; ++c) block[c] += f(x[c], part.first + c);
      }
      for (int64_t c = 0; c < part.channels; ++c) sums[c] += block[c];
    }
  }
  for (int64_t c = 0; c < image.channels; ++c) means[c] /= static_cast<float>(image.pixels);
}

template <class T>
static DIFFUSE_INLINE void statistics(const NormImage<T>& image, float eps, float* mean,
                                      float* rstd) {
  const int64_t channels = image.channels;
  std::vector<float> block(channels);
  const float* const shift = image.shift;
  column_means(
      image, [](float x, int64_t) { return x; }, mean, block.data());
  if (shift)
    for (int64_t c = 0; c < channels; ++c) mean[c] += shift[c];
  average_groups(channels, image.groups, mean);
  if (shift)
    for (int64_t c = 0; c < channels; ++c) mean[c] -= shift[c];
  const auto squared = [mean](float x, int64_t c) { return (x - mean[c]) * (x - mean[c]); };
  column_means(image, squared, rstd, block.data());
  average_groups(channels, image.groups, rstd);
  for (int64_t c = 0; c < channels; ++c) rstd[c] = 1.0f / std::sqrt(rstd[c] + eps);
}

template <class T>
static DIFFUSE_INLINE void apply(const NormImage<T>& image, const float* mean, const float* rstd,
                                 T* y) {
  const int64_t channels = image.channels;
  std::vector<float> scale(channels);
  for (int64_t c = 0; c < channels; ++c) scale[c] = rstd[c] * image.weight[c];
  for (const NormPart<T>& part : image.parts) {
    const int64_t first = part.first, width = part.channels;
    const float *const centre = mean + first, *const gain = scale.data() + first,
                       *const bias = image.bias + first;
    for (int64_t row = 0; row < image.pixels; ++row) {
      const T* const in = part.x + row * width;
      T* const out = y + row * channels + first;
      if (image.silu) {
#pragma omp simd
        for (int64_t c = 0; c < width; ++c) {
          const float u = (in[c] - centre[c]) * gain[c] + bias[c];
          out[c] = u * sigmoid(u);
        }
      } else {
#pragma omp simd
        for (int64_t c = 0; c < width; ++c) out[c] = (in[c] - centre[c]) * gain[c] + bias[c];
      }
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
template <class T>
static DIFFUSE_INLINE void gradient_sums(const NormImage<T>& image, const NormPart<T>& part,
                                         const float* mean, const float* rstd, const T* dy,
                                         float* g_out, float* d_weight, float* d_bias) {
  const float *const weight = image.weight + part.first, *const bias = image.bias + part.first;
  for (int64_t row = 0; row < image.pixels; ++row) {
    const T *const in = part.x + row * part.channels, *const up = dy + row * image.channels;
    float* const out = g_out + row * part.channels;
    if (image.silu) {
#pragma omp simd
      for (int64_t c = 0; c < part.channels; ++c) {
        const float normal = (in[c] - mean[c]) * rstd[c];
        const float u = normal * weight[c] + bias[c];
        const float s = sigmoid(u);
        const float g = up[c] * s * (1.0f + u * (1.0f - s));
        out[c] = g;
        d_bias[c] += g;
        d_weight[c] += g * normal;
      }
    } else {
#pragma omp simd
      for (int64_t c = 0; c < part.channels; ++c) {
        out[c] = up[c];
        d_bias[c] += up[c];
        d_weight[c] += up[c] * (in[c] - mean[c]) * rstd[c];
      }
    }
  }
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
    gradient_sums(image, image.parts[i], mean + first, rstd + first, dy + first, g[i],
                  d_weight + first, d_bias + first);
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
    for (int64_t row = 0; row < image.pixels; ++row) {
      const T* const in = part.x + row * width;
      const float* const kept = g[i] + row * width;
      T* const out = dx[i] + row * width;
#pragma omp simd
      for (int64_t c = 0; c < width; ++c) {
        const float normal = (in[c] - centre[c]) * r[c];
        const float change = r[c] * (kept[c] * weight[c] - g_mean[c] - normal * gy_mean[c]);
        out[c] = change;
        shift_sum[c] += change;
      }
    }
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
  apply(image, mean, rstd, y);
}

DIFFUSE_VECTORISED
void norm_apply(const NormImage<Bf16>& image, const float* mean, const float* rstd, Bf16* y) {
  apply(image, mean, rstd, y);
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
