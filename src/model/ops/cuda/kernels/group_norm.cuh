// Group normalisation of images in NHWC with what surrounds it in a UNet:
//   h = concat(x, skip) + shift,  u = (h - mean) rstd w + b,  y = dropout(silu(u))
// w = weight (1 + scale), b = bias (1 + scale) + offset, mean and rstd of each image's groups of channels.
//
// norm_sums (one pass over x), norm_statistics and norm_apply; or all three in norm_whole, where a block has all
// pixels of some groups of an image. Sums are those of each channel over a chunk of pixels, added in a fixed
// order: no atomics, so that the same input gives the same bits. ..._plain: for channels that 128 bits do not
// divide.
#include "src/model/ops/cuda/kernels/dropout_mask.cuh"
#include "src/model/ops/cuda/kernels/norm_common.cuh"

// Sums of d = x - k and of d d, k the channel's value in the image's first pixel. With k near the mean no digits
// are lost where the mean is large.
template <int N>
DEVICE void sums_of(const NormForward& f) {
  const Share<N> s = share_of<N>(f.in.tiling);
  float found[2][N] = {};
  if (s.active) {
    const Place place = place_of(f.in, s.image, s.channel);
    const Element* const start = start_of(f.in, place);
    const Values<N> origin = load<N>(start);
    UNROLL(4)
    for (int pixel = s.first; pixel < s.end; pixel += s.rows) {
      const Values<N> x = load<N>(start + (long long)pixel * place.stride);
      for (int i = 0; i < N; ++i) {
        const float d = x.at[i] - origin.at[i];
        found[0][i] += d;
        found[1][i] += d * d;
      }
    }
  }
  add_rows(f.in.tiling, s, found, f.in.sums);
}

// {mean of h, sum of squares about it, shift, 0} of a channel.
DEVICE float4 channel_moments(const NormForward& f, long long image, long long c) {
  const float pixels = (float)f.in.tiling.pixels;
  const float first = widen(*start_of(f.in, place_of(f.in, image, c)));
  const float apart = sum_of_chunks(f.in, image, 0, c) / pixels;
  const float squares = sum_of_chunks(f.in, image, 1, c) - pixels * apart * apart;
  const float shift =
      entry(f.shift, image, f.shift_stride, c) + (f.channel_shift ? f.channel_shift[c] : 0.0f);
  return {first + apart + shift, squares > 0 ? squares : 0, shift, 0};
}

// Fills tables and totals of a span; a warp has a group at a time.
DEVICE void statistics_of(const NormForward& f, const Span& span) {
  const float pixels = (float)f.in.tiling.pixels;
  const long long width = f.in.tiling.channels / f.in.groups,
                  row = span.image * f.in.tiling.channels;
  float4* const table = (float4*)f.tables + row;
  for (long long c = span.begin + threadIdx.x; c < span.end; c += kThreads)
    table[c] = channel_moments(f, span.image, c);
  __syncthreads();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (long long begin = span.begin + warp * width; begin < span.end;
       begin += kThreads / 32 * width) {
    const long long end = begin + width;
    float sum = 0, squares = 0;
    for (long long c = begin + lane; c < end; c += 32) sum += table[c].x;
    const float mean = warp_sum(sum) / (float)width;
    for (long long c = begin + lane; c < end; c += 32) {
      const float apart = table[c].x - mean;
      squares += table[c].y + pixels * apart * apart;
    }
    const float rstd = 1.0f / sqrtf(warp_sum(squares) / (pixels * (float)width) + f.eps);
    for (long long c = begin + lane; c < end; c += 32) {
      const float4 found = table[c];
      const float gain = 1.0f + entry(f.in.scale, span.image, f.in.scale_stride, c);
      const float offset = entry(f.in.offset, span.image, f.in.offset_stride, c);
      table[c] = {mean - found.z, rstd, f.in.weight[c] * gain, f.in.bias[c] * gain + offset};
      f.totals[row + c] = pixels * rstd * (found.x - mean);
    }
  }
}

template <int N>
DEVICE void apply(const NormForward& f) {
  const Share<N> s = share_of<N>(f.in.tiling);
  if (!s.active) return;
  const long long channels = f.in.tiling.channels, before = s.image * f.in.tiling.pixels;
  const Place place = place_of(f.in, s.image, s.channel);
  const Element* const start = start_of(f.in, place);
  const Affine<N> a = affine_of(f.in, s, f.tables);
  Element* const out = (Element*)f.y + before * channels + s.channel;
  unsigned char* const mask = f.mask + before * (channels / N) + s.channel / N;
  Stream stream = {};
  if (f.keys) stream = dropout_stream(f.keys, s.image, f.layer);
  for_pixels(
      s, [&](int pixel) { return fetch<N>(start + (long long)pixel * place.stride); },
      [&](int pixel, const Fetched<N>& fetched) {
        const Values<N> x = widen(fetched);
        Values<N> result;
        for (int i = 0; i < N; ++i) {
          const float u = (x.at[i] - a.centre[i]) * a.gain[i] + a.bias[i];
          result.at[i] = f.in.silu ? u * sigmoid(u) : u;
        }
        if (f.keys) {
          const unsigned long long word = (unsigned long long)pixel * channels + s.channel;
          const unsigned kept = kept_of<N>(stream, word, f.limit);
          UNROLL(N)
          for (int i = 0; i < N; ++i)
            result.at[i] = kept >> i & 1u ? result.at[i] * f.kept_scale : 0.0f;
          mask[(long long)pixel * (channels / N)] = (unsigned char)kept;
        }
        store<N>(out + (long long)pixel * channels, result);
      });
}

template <int N>
DEVICE void whole(const NormForward& f) {
  sums_of<N>(f);
  __syncthreads();
  statistics_of(f, tile_of_image<N>(f.in));
  __syncthreads();
  apply<N>(f);
}

KERNEL void __launch_bounds__(kThreads) norm_sums(NormForward f) { sums_of<kPack>(f); }
KERNEL void __launch_bounds__(kThreads) norm_sums_plain(NormForward f) { sums_of<1>(f); }

KERNEL void __launch_bounds__(kThreads) norm_statistics(NormForward f) {
  statistics_of(f, whole_image(f.in));
}

KERNEL void __launch_bounds__(kThreads, 3) norm_apply(NormForward f) { apply<kPack>(f); }
KERNEL void __launch_bounds__(kThreads) norm_apply_plain(NormForward f) { apply<1>(f); }

KERNEL void __launch_bounds__(kThreads, 3) norm_whole(NormForward f) { whole<kPack>(f); }
KERNEL void __launch_bounds__(kThreads) norm_whole_plain(NormForward f) { whole<1>(f); }
