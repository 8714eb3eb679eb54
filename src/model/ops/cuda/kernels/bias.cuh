// Sums with a bias of each channel, and sums over all pixels: of images in NHWC, or of the rows of a matrix. All
// rows [R, C] count as one image of R pixels.
#include "src/model/ops/cuda/kernels/share.cuh"

// y = h + x + bias + more: h, x, y [R, C], bias and more [C]; all but h and y may be null, y may be h.
template <int N>
DEVICE void add(const Tiling& tiling, const Element* h, const Element* x, const float* bias,
                const float* more_bias, Element* y) {
  const Share<N> s = share_of<N>(tiling);
  if (!s.active) return;
  float added[N] = {};
  if (bias)
    for (int i = 0; i < N; ++i) added[i] = bias[s.channel + i];
  if (more_bias)
    for (int i = 0; i < N; ++i) added[i] += more_bias[s.channel + i];
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
    add_bias(Tiling tiling, const Element* h, const Element* x, const float* bias,
             const float* more_bias, Element* y) {
  add<kPack>(tiling, h, x, bias, more_bias, y);
}
KERNEL void __launch_bounds__(kThreads)
    add_bias_plain(Tiling tiling, const Element* h, const Element* x, const float* bias,
                   const float* more_bias, Element* y) {
  add<1>(tiling, h, x, bias, more_bias, y);
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
