// Sums with a bias of each channel, and sums over all pixels: of images in NHWC, or of the rows of a matrix. All
// rows [R, C] count as one image of R pixels.
#include "src/model/ops/cuda/kernels/share.cuh"

// y = h + x + bias: h, x, y [R, C], bias [C]; x and bias may be null, y may be h.
template <int N>
DEVICE void add(const Tiling& tiling, const Element* h, const Element* x, const float* bias,
                Element* y) {
  const Share<N> s = share_of<N>(tiling);
  if (!s.active) return;
  float added[N] = {};
  if (bias)
    for (int i = 0; i < N; ++i) added[i] = bias[s.channel + i];
  struct Pair {
    Fetched<N> h, x;
  };
  const auto place = [&](int pixel) { return (long long)pixel * tiling.channels + s.channel; };
  for_pixels(
      s,
      [&](int pixel) {
        const Fetched<N> first = fetch<N>(h + place(pixel));
        return Pair{first, x ? fetch<N>(x + place(pixel)) : first};
      },
      [&](int pixel, const Pair& pair) {
        Values<N> sum = widen(pair.h);
        const Values<N> more = widen(pair.x);
        for (int i = 0; i < N; ++i) sum.at[i] += (x ? more.at[i] : 0.0f) + added[i];
        store<N>(y + place(pixel), sum);
      });
}

KERNEL void __launch_bounds__(kThreads)
    add_bias(Tiling tiling, const Element* h, const Element* x, const float* bias, Element* y) {
  add<kPack>(tiling, h, x, bias, y);
}
KERNEL void __launch_bounds__(kThreads)
    add_bias_plain(Tiling tiling, const Element* h, const Element* x, const float* bias,
                   Element* y) {
  add<1>(tiling, h, x, bias, y);
}

// sums [chunks, C]: of the rows of x [R, C].
template <int N>
DEVICE void sum_rows(const Tiling& tiling, const Element* x, float* sums) {
  const Share<N> s = share_of<N>(tiling);
  float found[1][N] = {};
  if (s.active) {
    UNROLL(4)
    for (int pixel = s.first; pixel < s.end; pixel += s.rows) {
      const Values<N> row = load<N>(x + (long long)pixel * tiling.channels + s.channel);
      for (int i = 0; i < N; ++i) found[0][i] += row.at[i];
    }
  }
  add_rows(tiling, s, found, sums);
}

KERNEL void __launch_bounds__(kThreads) row_sums(Tiling tiling, const Element* x, float* sums) {
  sum_rows<kPack>(tiling, x, sums);
}
KERNEL void __launch_bounds__(kThreads)
    row_sums_plain(Tiling tiling, const Element* x, float* sums) {
  sum_rows<1>(tiling, x, sums);
}

// out [C]: the sum of the rows of sums [R, C]; 32 columns a block.
KERNEL void __launch_bounds__(kThreads)
    add_chunks(const float* sums, long long rows, long long channels, float* out) {
  constexpr int kColumns = 32, kRows = kThreads / kColumns;
  __shared__ float found[kThreads];
  const int column = threadIdx.x % kColumns, row = threadIdx.x / kColumns;
  const long long channel = (long long)blockIdx.x * kColumns + column;
  float sum = 0;
  if (channel < channels) {
    UNROLL(8)
    for (long long at = row; at < rows; at += kRows) sum += sums[at * channels + channel];
  }
  found[threadIdx.x] = sum;
  __syncthreads();
  if (row > 0 || channel >= channels) return;
  for (int other = 1; other < kRows; ++other) sum += found[other * kColumns + column];
  out[channel] = sum;
}
