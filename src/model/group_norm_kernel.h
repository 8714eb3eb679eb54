// The CPU's loops of group normalisation with SiLU, over one image in the channels_last layout.
#pragma once

#include <cstdint>

namespace diffuse {

// One image and what normalises it: [P, C] rows of pixels, per-channel [C] arrays. `shift` is added
// to x first; null = 0.
struct NormImage {
  int64_t pixels, channels, groups;
  const float *x, *shift, *weight, *bias;
  bool silu;  // silu(...) of the result
};

// Fills mean [C] and rstd [C], each its group's; mean is that of x + shift, less shift: what is to
// be taken from x itself.
void norm_statistics(const NormImage& image, float eps, float* mean, float* rstd);

// y [P, C]: act((x - mean) rstd weight + bias).
void norm_apply(const NormImage& image, const float* mean, const float* rstd, float* y);

// From dy [P, C] to dx [P, C] and d_weight, d_bias, d_shift [C] each, all overwritten.
void norm_gradient(const NormImage& image, const float* mean, const float* rstd, const float* dy,
                   float* dx, float* d_weight, float* d_bias, float* d_shift);

}  // namespace diffuse
