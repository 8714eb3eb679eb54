// Group normalisation of images in NHWC with what surrounds it in a UNet:
//   h = concat(x, skip) + shift,  u = (h - mean) rstd w + b,  y = dropout(silu(u))
// w = weight (1 + scale), b = bias (1 + scale) + offset, mean and rstd of each image's groups of channels.
//
// Forward: norm_sums (one pass over x), norm_statistics, norm_apply. Backward: norm_gradient_sums (one pass over
// x and dy), norm_gradient_statistics, norm_gradient_apply. Sums are those of each channel over a chunk of
// pixels, added in a fixed order: no atomics, so that the same input gives the same bits.
//
// N is the number of neighbouring channels, a column, that a thread has: kPack, or 1 where that does not divide
// the channels.
#include "src/model/ops/cuda/kernels/dropout_mask.cuh"
#include "src/model/ops/cuda/kernels/norm_arguments.cuh"
#include "src/model/ops/cuda/kernels/share.cuh"

// Where the share's channels of pixel 0 are, and elements from pixel to pixel.
struct Place {
  long long offset;  // in x or skip
  int stride;
  bool in_skip;
};

template <int N>
DEVICE Place place_of(const NormImages& in, const Share<N>& s) {
  const bool in_skip = s.channel >= in.x_channels;
  const long long width = in_skip ? in.tiling.channels - in.x_channels : in.x_channels;
  const long long channel = in_skip ? s.channel - in.x_channels : s.channel;
  return {s.image * in.tiling.pixels * width + channel, (int)width, in_skip};
}

DEVICE const Element* start_of(const NormImages& in, const Place& place) {
  return (const Element*)(place.in_skip ? in.skip : in.x) + place.offset;
}

// sums [B, chunks, 2, C]: of d = x - k and of d d, k the channel's value in the image's first pixel. With k near
// the mean no digits are lost where the mean is large.
template <int N>
DEVICE void sums_of(const NormImages& in, float* sums) {
  const Share<N> s = share_of<N>(in.tiling);
  float found[2][N] = {};
  if (s.active) {
    const Place place = place_of(in, s);
    const Element* const start = start_of(in, place);
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
  add_rows(in.tiling, s, found, sums);
}

KERNEL void __launch_bounds__(kThreads) norm_sums(NormImages in, float* sums) {
  sums_of<kPack>(in, sums);
}
KERNEL void __launch_bounds__(kThreads) norm_sums_plain(NormImages in, float* sums) {
  sums_of<1>(in, sums);
}

// Row `image` of a table [B, C] of which rows are `stride` apart, or 0 without one.
DEVICE float entry(const void* table, long long image, long long stride, long long channel) {
  return table ? widen(((const Element*)table)[image * stride + channel]) : 0.0f;
}

DEVICE float shift_of(const float* channel_shift, const NormModulation& m, long long image,
                      long long c) {
  return entry(m.shift, image, m.shift_stride, c) + (channel_shift ? channel_shift[c] : 0.0f);
}

DEVICE float sum_of_chunks(const float* sums, long long image, long long chunks, long long channels,
                           int plane, long long channel) {
  const float* from = sums + (image * chunks * 2 + plane) * channels + channel;
  float sum = 0;
  UNROLL(4)
  for (long long chunk = 0; chunk < chunks; ++chunk) sum += from[chunk * 2 * channels];
  return sum;
}

// A block an image, a warp a group at a time.
// tables [B, C, 4]: {mean - shift, rstd, w, b}; totals [B, C]: the sum of (h - mean) rstd over the pixels.
KERNEL void __launch_bounds__(kThreads)
    norm_statistics(NormImages in, const float* sums, const float* weight, const float* bias,
                    const float* channel_shift, NormModulation m, long long groups, float eps,
                    float4* tables, float* totals) {
  const long long image = blockIdx.x, width = in.tiling.channels / groups;
  const float pixels = (float)in.tiling.pixels;
  float4* const table = tables + image * in.tiling.channels;
  for (long long c = threadIdx.x; c < in.tiling.channels; c += kThreads) {
    const bool in_skip = c >= in.x_channels;
    const Element* const first =
        in_skip ? (const Element*)in.skip +
                      image * in.tiling.pixels * (in.tiling.channels - in.x_channels) +
                      (c - in.x_channels)
                : (const Element*)in.x + image * in.tiling.pixels * in.x_channels + c;
    const float one =
        sum_of_chunks(sums, image, in.tiling.chunks, in.tiling.channels, 0, c) / pixels;
    const float two = sum_of_chunks(sums, image, in.tiling.chunks, in.tiling.channels, 1, c);
    const float shift = shift_of(channel_shift, m, image, c);
    const float squares = two - pixels * one * one;  // about the channel's mean
    table[c] = {widen(*first) + one + shift, squares > 0 ? squares : 0, shift, 0};
  }
  __syncthreads();
  const int lane = threadIdx.x % 32;
  for (long long group = threadIdx.x / 32; group < groups; group += kThreads / 32) {
    const long long begin = group * width, end = begin + width;
    float sum = 0, squares = 0;
    for (long long c = begin + lane; c < end; c += 32) sum += table[c].x;
    const float mean = warp_sum(sum) / (float)width;
    for (long long c = begin + lane; c < end; c += 32) {
      const float apart = table[c].x - mean;
      squares += table[c].y + pixels * apart * apart;
    }
    const float rstd = 1.0f / sqrtf(warp_sum(squares) / (pixels * (float)width) + eps);
    for (long long c = begin + lane; c < end; c += 32) {
      const float4 found = table[c];
      const float gain = 1.0f + entry(m.scale, image, m.scale_stride, c);
      table[c] = {mean - found.z, rstd, weight[c] * gain,
                  bias[c] * gain + entry(m.offset, image, m.offset_stride, c)};
      totals[image * in.tiling.channels + c] = pixels * rstd * (found.x - mean);
    }
  }
}

// The tables of a share's channels, as the passes over pixels use them: u = (x - centre) gain + bias.
template <int N>
struct Affine {
  float centre[N], gain[N], bias[N];
};

template <int N>
DEVICE Affine<N> affine_of(const NormImages& in, const Share<N>& s, const float4* tables) {
  Affine<N> a;
  for (int i = 0; i < N; ++i) {
    const float4 table = tables[s.image * in.tiling.channels + s.channel + i];
    a.centre[i] = table.x;
    a.gain[i] = table.y * table.z;
    a.bias[i] = table.w;
  }
  return a;
}

// y [B, P, C]; mask [B, P, C / N], written where there is dropout.
template <int N>
DEVICE void apply(const NormImages& in, const float4* tables, const NormDropout& dropout, int silu,
                  Element* y, unsigned char* mask) {
  const Share<N> s = share_of<N>(in.tiling);
  if (!s.active) return;
  const Place place = place_of(in, s);
  const Element* const start = start_of(in, place);
  const Affine<N> a = affine_of(in, s, tables);
  Element* const out = y + s.image * in.tiling.pixels * in.tiling.channels + s.channel;
  unsigned char* const bits =
      mask + s.image * in.tiling.pixels * (in.tiling.channels / N) + s.channel / N;
  Stream stream = {};
  if (dropout.keys) stream = dropout_stream(dropout.keys, s.image, dropout.layer);
  for_pixels(
      s, [&](int pixel) { return fetch<N>(start + (long long)pixel * place.stride); },
      [&](int pixel, const Fetched<N>& fetched) {
        const Values<N> x = widen(fetched);
        Values<N> result;
        for (int i = 0; i < N; ++i) {
          const float u = (x.at[i] - a.centre[i]) * a.gain[i] + a.bias[i];
          result.at[i] = silu ? u * sigmoid(u) : u;
        }
        if (dropout.keys) {
          const unsigned kept = kept_of<N>(
              stream, (unsigned long long)pixel * in.tiling.channels + s.channel, dropout.limit);
          UNROLL(N)
          for (int i = 0; i < N; ++i)
            result.at[i] = kept >> i & 1u ? result.at[i] * dropout.scale : 0.0f;
          bits[(long long)pixel * (in.tiling.channels / N)] = (unsigned char)kept;
        }
        store<N>(out + (long long)pixel * in.tiling.channels, result);
      });
}

KERNEL void __launch_bounds__(kThreads, 3)
    norm_apply(NormImages in, const float4* tables, NormDropout dropout, int silu, Element* y,
               unsigned char* mask) {
  apply<kPack>(in, tables, dropout, silu, y, mask);
}
KERNEL void __launch_bounds__(kThreads)
    norm_apply_plain(NormImages in, const float4* tables, NormDropout dropout, int silu, Element* y,
                     unsigned char* mask) {
  apply<1>(in, tables, dropout, silu, y, mask);
}

// What the backward passes read at a share's pixels: x, dy and the mask of dropout (null: none).
template <int N>
struct Upstream {
  const Element *x, *dy;
  const unsigned char* mask;
  int stride, channels;
};

template <int N>
DEVICE Upstream<N> upstream_of(const NormImages& in, const Share<N>& s, const Element* dy,
                               const unsigned char* mask) {
  const Place place = place_of(in, s);
  const long long columns = in.tiling.channels / N, before = s.image * in.tiling.pixels;
  return {start_of(in, place), dy + before * in.tiling.channels + s.channel,
          mask ? mask + before * columns + s.channel / N : nullptr, place.stride,
          (int)in.tiling.channels};
}

template <int N>
struct FetchedPair {
  Fetched<N> x, dy;
  unsigned kept;
};

template <int N>
DEVICE FetchedPair<N> fetch_pair(const Upstream<N>& up, int pixel) {
  return {fetch<N>(up.x + (long long)pixel * up.stride),
          fetch<N>(up.dy + (long long)pixel * up.channels),
          up.mask ? up.mask[(long long)pixel * (up.channels / N)] : ~0u};
}

// d = x - centre and g = dL / du; scale: dropout's, 1 without.
template <int N>
DEVICE void gradient_of(const FetchedPair<N>& pair, const Affine<N>& a, float scale, int silu,
                        Values<N>& d, Values<N>& g) {
  d = widen(pair.x);
  g = widen(pair.dy);
  for (int i = 0; i < N; ++i) {
    d.at[i] -= a.centre[i];
    g.at[i] = pair.kept >> i & 1u ? g.at[i] * scale : 0.0f;
    if (!silu) continue;
    const float u = d.at[i] * a.gain[i] + a.bias[i], share = sigmoid(u);
    g.at[i] *= share * (1.0f + u * (1.0f - share));
  }
}

// sums [B, chunks, 2, C]: of g and of g d.
template <int N>
DEVICE void gradient_sums(const NormImages& in, const float4* tables, const Element* dy,
                          const unsigned char* mask, float scale, int silu, float* sums) {
  const Share<N> s = share_of<N>(in.tiling);
  float found[2][N] = {};
  if (s.active) {
    const Upstream<N> up = upstream_of(in, s, dy, mask);
    const Affine<N> a = affine_of(in, s, tables);
    for_pixels(
        s, [&](int pixel) { return fetch_pair(up, pixel); },
        [&](int, const FetchedPair<N>& pair) {
          Values<N> d, g;
          gradient_of(pair, a, scale, silu, d, g);
          for (int i = 0; i < N; ++i) {
            found[0][i] += g.at[i];
            found[1][i] += g.at[i] * d.at[i];
          }
        });
  }
  add_rows(in.tiling, s, found, sums);
}

KERNEL void __launch_bounds__(kThreads, 2)
    norm_gradient_sums(NormImages in, const float4* tables, const Element* dy,
                       const unsigned char* mask, float scale, int silu, float* sums) {
  gradient_sums<kPack>(in, tables, dy, mask, scale, silu, sums);
}
KERNEL void __launch_bounds__(kThreads)
    norm_gradient_sums_plain(NormImages in, const float4* tables, const Element* dy,
                             const unsigned char* mask, float scale, int silu, float* sums) {
  gradient_sums<1>(in, tables, dy, mask, scale, silu, sums);
}

// A block an image, a warp a group at a time, as norm_statistics.
KERNEL void __launch_bounds__(kThreads)
    norm_gradient_statistics(NormImages in, const float* sums, const float* weight,
                             const float* bias, NormModulation m, long long groups,
                             const float4* tables, const float* totals, NormGradients out) {
  const long long image = blockIdx.x, channels = in.tiling.channels, width = channels / groups;
  const float numbers = (float)in.tiling.pixels * (float)width;
  float* const d_weight = out.channels + image * 3 * channels;
  float *const d_bias = d_weight + channels, *const d_shift = d_bias + channels;
  for (long long c = threadIdx.x; c < channels; c += kThreads) {
    const float g = sum_of_chunks(sums, image, in.tiling.chunks, channels, 0, c);
    const float gd = sum_of_chunks(sums, image, in.tiling.chunks, channels, 1, c);
    d_bias[c] = g;
    d_weight[c] = gd * tables[image * channels + c].y;
  }
  __syncthreads();
  const int lane = threadIdx.x % 32;
  for (long long group = threadIdx.x / 32; group < groups; group += kThreads / 32) {
    const long long begin = group * width, end = begin + width;
    float one = 0, two = 0;
    for (long long c = begin + lane; c < end; c += 32) {
      const float w = tables[image * channels + c].z;
      one += w * d_bias[c];
      two += w * d_weight[c];
    }
    one = warp_sum(one) / numbers;
    two = warp_sum(two) / numbers;
    for (long long c = begin + lane; c < end; c += 32) {
      const long long at = image * channels + c;
      const float4 table = tables[at];
      const float rstd = table.y, g = d_bias[c], gx = d_weight[c];
      const float shift = rstd * (table.z * g - (float)in.tiling.pixels * one - two * totals[at]);
      const float gain = 1.0f + entry(m.scale, image, m.scale_stride, c);
      ((float2*)out.slopes)[at] = {rstd * one, rstd * rstd * two};
      d_weight[c] = gx * gain;
      d_bias[c] = g * gain;
      d_shift[c] = shift;
      if (out.shift) ((Element*)out.shift)[at] = narrow(shift);
      if (out.scale) ((Element*)out.scale)[at] = narrow(gx * weight[c] + g * bias[c]);
      if (out.offset) ((Element*)out.offset)[at] = narrow(g);
    }
  }
}

// dx [B, P, x_channels] and d_skip [B, P, C - x_channels].
template <int N>
DEVICE void gradient_apply(const NormImages& in, const float4* tables, const float2* slopes,
                           const Element* dy, const unsigned char* mask, float scale, int silu,
                           Element* dx, Element* d_skip) {
  const Share<N> s = share_of<N>(in.tiling);
  if (!s.active) return;
  const Place place = place_of(in, s);
  const Upstream<N> up = upstream_of(in, s, dy, mask);
  const Affine<N> a = affine_of(in, s, tables);
  Element* const out = (place.in_skip ? d_skip : dx) + place.offset;
  float2 slope[N];
  for (int i = 0; i < N; ++i) slope[i] = slopes[s.image * in.tiling.channels + s.channel + i];
  for_pixels(
      s, [&](int pixel) { return fetch_pair(up, pixel); },
      [&](int pixel, const FetchedPair<N>& pair) {
        Values<N> d, g;
        gradient_of(pair, a, scale, silu, d, g);
        for (int i = 0; i < N; ++i)
          g.at[i] = a.gain[i] * g.at[i] - slope[i].x - d.at[i] * slope[i].y;
        store<N>(out + (long long)pixel * place.stride, g);
      });
}

KERNEL void __launch_bounds__(kThreads, 2)
    norm_gradient_apply(NormImages in, const float4* tables, const float2* slopes,
                        const Element* dy, const unsigned char* mask, float scale, int silu,
                        Element* dx, Element* d_skip) {
  gradient_apply<kPack>(in, tables, slopes, dy, mask, scale, silu, dx, d_skip);
}
KERNEL void __launch_bounds__(kThreads)
    norm_gradient_apply_plain(NormImages in, const float4* tables, const float2* slopes,
                              const Element* dy, const unsigned char* mask, float scale, int silu,
                              Element* dx, Element* d_skip) {
  gradient_apply<1>(in, tables, slopes, dy, mask, scale, silu, dx, d_skip);
}
