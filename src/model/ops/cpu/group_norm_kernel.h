// The CPU's loops of group normalisation with SiLU, over one image in the channels_last layout. Images are
// float or Bf16; statistics, tables and sums are float.
#pragma once

#include <cstdint>

#include "bf16.h"

namespace diffuse::ops::cpu {

// Channels of an image from `first` on: x [P, channels], rows of pixels.
template <class T>
struct NormPart {
  const T* x;
  int64_t first, channels;
};

// One image with its channels in two parts (the second may be empty), and its normalisation: per-channel [C]
// arrays. `shift` is first added to x; null = 0.
template <class T>
struct NormImage {
  int64_t pixels, channels, groups;
  NormPart<T> parts[2];
  const float *shift, *weight, *bias;
  bool silu;  // silu(...) of the result
};

// Fills mean [C] and rstd [C] with their group's values; mean is that of x + shift, minus shift, so that it
// is subtracted from x itself.
void norm_statistics(const NormImage<float>& image, float eps, float* mean, float* rstd);
void norm_statistics(const NormImage<Bf16>& image, float eps, float* mean, float* rstd);

// y [P, C]: act((x - mean) rstd weight + bias).
void norm_apply(const NormImage<float>& image, const float* mean, const float* rstd, float* y);
void norm_apply(const NormImage<Bf16>& image, const float* mean, const float* rstd, Bf16* y);

// From dy [P, C] to dx, one per part, and d_weight, d_bias, d_shift [C] each, all overwritten.
void norm_gradient(const NormImage<float>& image, const float* mean, const float* rstd,
                   const float* dy, float* const dx[2], float* d_weight, float* d_bias,
                   float* d_shift);
void norm_gradient(const NormImage<Bf16>& image, const float* mean, const float* rstd,
                   const Bf16* dy, Bf16* const dx[2], float* d_weight, float* d_bias,
                   float* d_shift);

}  // namespace diffuse::ops::cpu
