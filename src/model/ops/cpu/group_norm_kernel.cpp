#include "group_norm_kernel.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "vectorised.h"

namespace diffuse::ops::cpu {

// e^x to 2 units in the last place, for |x| <= 87: 2^n e^r with |r| <= ln 2 / 2, e^r by Cephes'
// polynomial. Unlike std::exp it lets the loops around it use vectors.
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

// Column means of f(x - centre) over rows in blocks, so that float sums stay short.
template <class F>
static DIFFUSE_INLINE void column_means(const NormImage& image, F f, float* means, float* block) {
  constexpr int64_t kBlock = 64;
  std::memset(means, 0, sizeof(float) * image.channels);
  for (const NormPart& part : image.parts) {
    float* const sums = means + part.first;
    for (int64_t begin = 0; begin < image.pixels; begin += kBlock) {
      const int64_t end = begin + kBlock < image.pixels ? begin + kBlock : image.pixels;
      std::memset(block, 0, sizeof(float) * part.channels);
      for (int64_t row = begin; row < end; ++row) {
        const float* const x = part.x + row * part.channels;
#pragma omp simd
        for (int64_t c = 0; c < part.channels; ++c) block[c] += f(x[c], part.first + c);
      }
      for (int64_t c = 0; c < part.channels; ++c) sums[c] += block[c];
    }
  }
  for (int64_t c = 0; c < image.channels; ++c) means[c] /= static_cast<float>(image.pixels);
}

DIFFUSE_VECTORISED
void norm_statistics(const NormImage& image, float eps, float* mean, float* rstd) {
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

DIFFUSE_VECTORISED
void norm_apply(const NormImage& image, const float* mean, const float* rstd, float* y) {
  const int64_t channels = image.channels;
  std::vector<float> scale(channels);
  for (int64_t c = 0; c < channels; ++c) scale[c] = rstd[c] * image.weight[c];
  for (const NormPart& part : image.parts) {
    const int64_t first = part.first, width = part.channels;
    const float *const centre = mean + first, *const gain = scale.data() + first,
                       *const bias = image.bias + first;
    for (int64_t row = 0; row < image.pixels; ++row) {
      const float* const in = part.x + row * width;
      float* const out = y + row * channels + first;
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

// The first pass of norm_gradient over a part: g into dx, and the sums over pixels of g and g y^.
static DIFFUSE_INLINE void gradient_sums(const NormImage& image, const NormPart& part,
                                         const float* mean, const float* rstd, const float* dy,
                                         float* dx, float* d_weight, float* d_bias) {
  const float *const weight = image.weight + part.first, *const bias = image.bias + part.first;
  for (int64_t row = 0; row < image.pixels; ++row) {
    const float *const in = part.x + row * part.channels, *const up = dy + row * image.channels;
    float* const out = dx + row * part.channels;
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
DIFFUSE_VECTORISED
void norm_gradient(const NormImage& image, const float* mean, const float* rstd, const float* dy,
                   float* const dx[2], float* d_weight, float* d_bias, float* d_shift) {
  const int64_t channels = image.channels;
  std::memset(d_weight, 0, sizeof(float) * channels);
  std::memset(d_bias, 0, sizeof(float) * channels);
  for (size_t i = 0; i < 2; ++i) {
    const int64_t first = image.parts[i].first;
    gradient_sums(image, image.parts[i], mean + first, rstd + first, dy + first, dx[i],
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
    const NormPart& part = image.parts[i];
    const int64_t first = part.first, width = part.channels;
    const float *const centre = mean + first, *const r = rstd + first,
                       *const weight = image.weight + first, *const g_mean = mean_g.data() + first,
                       *const gy_mean = mean_gy.data() + first;
    float* const shift_sum = d_shift + first;
    for (int64_t row = 0; row < image.pixels; ++row) {
      const float* const in = part.x + row * width;
      float* const out = dx[i] + row * width;
#pragma omp simd
      for (int64_t c = 0; c < width; ++c) {
        const float normal = (in[c] - centre[c]) * r[c];
        out[c] = r[c] * (out[c] * weight[c] - g_mean[c] - normal * gy_mean[c]);
        shift_sum[c] += out[c];
      }
    }
  }
}

}  // namespace diffuse::ops::cpu
