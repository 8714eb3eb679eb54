// The arguments of the kernels of group normalisation, for them and for the code that launches them. Images are
// of Element in NHWC, tables of float where nothing else is said.
#pragma once

#include "src/model/ops/cuda/kernels/tiling.cuh"

// Images whose channels are those of x and then those of skip, and what is common to both directions.
struct NormImages {
  Tiling tiling;
  const void *x, *skip;  // [B, P, x_channels], [B, P, C - x_channels]
  long long x_channels, groups;
  const float *weight, *bias;  // [C]
  const void *scale, *offset;  // Element [B, C] each with rows a stride apart, or null = 0
  long long scale_stride, offset_stride;
  int silu;
  float* sums;  // [B, chunks, 2, C]: of each channel over each chunk of pixels
};

struct NormForward {
  NormImages in;
  const float* channel_shift;  // [C] or null
  const void* shift;           // Element [B, C] with rows a stride apart, or null
  long long shift_stride;
  float eps;
  const long long* keys;   // dropout's streams [B, 2]; null: no dropout
  long long layer, limit;  // words below the limit drop
  float kept_scale;        // 1 / (1 - p)
  void* tables;            // float4 [B, C]: {mean - shift, rstd, w, b}
  float* totals;           // [B, C]: the sum of (h - mean) rstd over the pixels
  void* y;                 // [B, P, C]
  unsigned char* mask;  // with dropout, a byte for each column of a pixel: bit i for its channel i
};

struct NormBackward {
  NormImages in;
  const void* tables;
  const float* totals;
  const void* dy;             // [B, P, C]
  const unsigned char* mask;  // null: no dropout
  float kept_scale;           // 1 without dropout
  void* slopes;               // float2 [B, C]: dx = gain g - slopes.x - (x - centre) slopes.y
  float* channels;            // [B, 3, C]: the gradients of weight, bias and shift, for each image
  void *shift, *scale, *offset;  // Element [B, C]: their gradients, or null
  void *dx, *d_skip;             // as x and skip
  const void *dx_more, *d_skip_more;  // as dx and d_skip, added to them; or null
};
