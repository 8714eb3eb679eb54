// What the forward and the backward kernels of group normalisation share.
#pragma once

#include "src/model/ops/cuda/kernels/norm_arguments.cuh"
#include "src/model/ops/cuda/kernels/share.cuh"

// Where channels of an image begin, and elements from pixel to pixel.
struct Place {
  long long offset;  // in x or skip
  int stride;
  bool in_skip;
};

DEVICE Place place_of(const NormImages& in, long long image, long long channel) {
  const bool in_skip = channel >= in.x_channels;
  const long long width = in_skip ? in.tiling.channels - in.x_channels : in.x_channels;
  const long long own = in_skip ? channel - in.x_channels : channel;
  return {image * in.tiling.pixels * width + own, (int)width, in_skip};
}

DEVICE const Element* start_of(const NormImages& in, const Place& place) {
  return (const Element*)(place.in_skip ? in.skip : in.x) + place.offset;
}

// Channels begin ... < end of an image, whole groups.
struct Span {
  long long image, begin, end;
};

// A block's, where each block has an image.
DEVICE Span whole_image(const NormImages& in) { return {blockIdx.x, 0, in.tiling.channels}; }

// A block's, where each block has a tile of channels.
template <int N>
DEVICE Span tile_of_image(const NormImages& in) {
  const long long width = in.tiling.tile * N, begin = blockIdx.x * width, end = begin + width;
  return {blockIdx.y, begin, end < in.tiling.channels ? end : in.tiling.channels};
}

// Entry of a table [B, C] of which rows are `stride` apart, or 0 without one.
DEVICE float entry(const void* table, long long image, long long stride, long long channel) {
  return table ? widen(((const Element*)table)[image * stride + channel]) : 0.0f;
}

DEVICE float sum_of_chunks(const NormImages& in, long long image, int plane, long long channel) {
  const long long channels = in.tiling.channels;
  const float* const from = in.sums + (image * in.tiling.chunks * 2 + plane) * channels + channel;
  float sum = 0;
  UNROLL(4)
  for (long long chunk = 0; chunk < in.tiling.chunks; ++chunk) sum += from[chunk * 2 * channels];
  return sum;
}

// The tables of a share's channels, as the passes over pixels use them: u = (x - centre) gain + bias.
template <int N>
struct Affine {
  float centre[N], gain[N], bias[N];
};

template <int N>
DEVICE Affine<N> affine_of(const NormImages& in, const Share<N>& s, const void* tables) {
  const float4* const table = (const float4*)tables + s.image * in.tiling.channels + s.channel;
  Affine<N> a;
  for (int i = 0; i < N; ++i) {
    const float4 found = table[i];
    a.centre[i] = found.x;
    a.gain[i] = found.y * found.z;
    a.bias[i] = found.w;
  }
  return a;
}
