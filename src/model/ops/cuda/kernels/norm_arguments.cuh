// The arguments of the kernels of group normalisation, for them and for the code that launches them.
#pragma once

#include "src/model/ops/cuda/kernels/tiling.cuh"

// Images in NHWC whose channels are those of x and then those of skip.
struct NormImages {
  Tiling tiling;
  const void *x, *skip;  // [B, P, x_channels], [B, P, C - x_channels]
  long long x_channels;
};

// [B, C] each with rows that are `stride` apart, or null.
struct NormModulation {
  const void *shift, *scale, *offset;
  long long shift_stride, scale_stride, offset_stride;
};

// Dropout's streams. Its mask has a byte for each column of a pixel, bit i for the column's channel i.
struct NormDropout {
  const long long* keys;   // [B, 2]; null: no dropout
  long long layer, limit;  // words below the limit drop
  float scale;             // 1 / (1 - p)
};

struct NormGradients {
  void* slopes;                  // float [B, C, 2]: dx = gain g - slopes.x - (x - centre) slopes.y
  float* channels;               // [B, 3, C]: of weight, bias and shift, for each image
  void *shift, *scale, *offset;  // [B, C] each, or null
};
