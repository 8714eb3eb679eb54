// A thread's share of the images in a Tiling.
#pragma once

#include "src/core/cuda/kernels/element.cuh"
#include "src/model/ops/cuda/kernels/tiling.cuh"

// Channels `channel` ... + N - 1 of pixels first, first + rows, ... < end of an image.
template <int N>
struct Share {
  long long image, channel;
  int local, row, rows;  // column within the tile; the block's row of the thread and their number
  int chunk, first, end;
  bool active;
};

template <int N>
DEVICE Share<N> share_of(const Tiling& t) {
  const int tile = (int)t.tile, column = threadIdx.x % tile, row = threadIdx.x / tile;
  const int rows = kThreads / tile, chunk = blockIdx.x / (int)t.tiles;
  const int wide = (int)(blockIdx.x % (int)t.tiles) * tile + column;
  const int begin = chunk * (int)t.chunk_pixels, last = begin + (int)t.chunk_pixels;
  const int end = last < t.pixels ? last : (int)t.pixels;
  return {(long long)blockIdx.y,
          (long long)wide * N,
          column,
          row,
          rows,
          chunk,
          begin + row,
          end,
          row < rows && wide * N < t.channels};
}

// Calls use(pixel, fetched(pixel)) at a share's pixels, with kAhead loads under way before the first is used.
template <int N, class Fetch, class Use>
DEVICE void for_pixels(const Share<N>& s, const Fetch& fetched, const Use& use) {
  int pixel = s.first;
  for (; pixel + (kAhead - 1) * s.rows < s.end; pixel += kAhead * s.rows) {
    decltype(fetched(0)) ahead[kAhead];
    UNROLL(kAhead)
    for (int i = 0; i < kAhead; ++i) ahead[i] = fetched(pixel + i * s.rows);
    UNROLL(kAhead)
    for (int i = 0; i < kAhead; ++i) use(pixel + i * s.rows, ahead[i]);
  }
  for (; pixel < s.end; pixel += s.rows) use(pixel, fetched(pixel));
}

// Adds K sums of each channel over a block's rows and writes them: out [B, chunks, K, C].
template <int N, int K>
DEVICE void add_rows(const Tiling& t, const Share<N>& s, const float (&of_thread)[K][N],
                     float* out) {
  __shared__ float sums[K * N * kThreads];  // [rows, K, tile N]
  const int width = (int)t.tile * N;
  if (s.row < s.rows) {
    float* const mine = sums + K * s.row * width + s.local * N;
    for (int k = 0; k < K; ++k)
      for (int i = 0; i < N; ++i) mine[k * width + i] = of_thread[k][i];
  }
  __syncthreads();
  const long long start = (s.image * t.chunks + s.chunk) * K * t.channels;
  const int tile_channel = (int)(blockIdx.x % (int)t.tiles) * width;
  for (int at = threadIdx.x; at < K * width; at += kThreads) {
    const int channel = tile_channel + at % width;
    if (channel >= t.channels) continue;
    float sum = 0;
    for (int row = 0; row < s.rows; ++row) sum += sums[K * row * width + at];
    out[start + at / width * t.channels + channel] = sum;
  }
}
