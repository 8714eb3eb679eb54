// The backward pass of group_norm.cuh: norm_gradient_sums (one pass over x and dy), norm_gradient_statistics and
// norm_gradient_apply; or all three in norm_gradient_whole. With d = x - centre, g = dL / du, numbers n of a group:
//   dx = rstd (w g - sum(w g) / n - d rstd sum(w g d rstd) / n)
#include "src/model/ops/cuda/kernels/norm_common.cuh"

// What the passes read at a share's pixels: x, dy and the mask of dropout.
template <int N>
struct Upstream {
  const Element *x, *dy;
  const unsigned char* mask;
  int stride, channels;
};

template <int N>
DEVICE Upstream<N> upstream_of(const NormBackward& b, const Share<N>& s) {
  const Place place = place_of(b.in, s.image, s.channel);
  const long long channels = b.in.tiling.channels, before = s.image * b.in.tiling.pixels;
  return {start_of(b.in, place), (const Element*)b.dy + before * channels + s.channel,
          b.mask ? b.mask + before * (channels / N) + s.channel / N : nullptr, place.stride,
          (int)channels};
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

template <int N>
DEVICE void gradient_of(const NormBackward& b, const FetchedPair<N>& pair, const Affine<N>& a,
                        Values<N>& d, Values<N>& g) {
  d = widen(pair.x);
  g = widen(pair.dy);
  for (int i = 0; i < N; ++i) {
    d.at[i] -= a.centre[i];
    g.at[i] = pair.kept >> i & 1u ? g.at[i] * b.kept_scale : 0.0f;
    if (!b.in.silu) continue;
    const float u = d.at[i] * a.gain[i] + a.bias[i], share = sigmoid(u);
    g.at[i] *= share * (1.0f + u * (1.0f - share));
  }
}

// Sums of g and of g d.
template <int N>
DEVICE void gradient_sums(const NormBackward& b) {
  const Share<N> s = share_of<N>(b.in.tiling);
  float found[2][N] = {};
  if (s.active) {
    const Upstream<N> up = upstream_of(b, s);
    const Affine<N> a = affine_of(b.in, s, b.tables);
    for_pixels(
        s, [&](int pixel) { return fetch_pair(up, pixel); },
        [&](int, const FetchedPair<N>& pair) {
          Values<N> d, g;
          gradient_of(b, pair, a, d, g);
          for (int i = 0; i < N; ++i) {
            found[0][i] += g.at[i];
            found[1][i] += g.at[i] * d.at[i];
          }
        });
  }
  add_rows(b.in.tiling, s, found, b.in.sums);
}

// The gradients of a channel's entries, from g = sum(g) and gx = sum(g d rstd) over the pixels, and the slopes of
// its group.
DEVICE void put_channel(const NormBackward& b, long long image, long long c, float slope,
                        float tilt) {
  const long long channels = b.in.tiling.channels, at = image * channels + c;
  float *const d_weight = b.channels + image * 3 * channels + c, *const d_bias =
                                                                     d_weight + channels;
  const float4 table = ((const float4*)b.tables)[at];
  const float rstd = table.y, gx = *d_weight, g = *d_bias;
  const float shift =
      rstd * (table.z * g - (float)b.in.tiling.pixels * slope - tilt * b.totals[at]);
  const float gain = 1.0f + entry(b.in.scale, image, b.in.scale_stride, c);
  ((float2*)b.slopes)[at] = {rstd * slope, rstd * rstd * tilt};
  *d_weight = gx * gain;
  *d_bias = g * gain;
  d_bias[channels] = shift;
  if (b.shift) ((Element*)b.shift)[at] = narrow(shift);
  if (b.scale) ((Element*)b.scale)[at] = narrow(gx * b.in.weight[c] + g * b.in.bias[c]);
  if (b.offset) ((Element*)b.offset)[at] = narrow(g);
}

// Fills what is of channels, of a span; a warp has a group at a time.
DEVICE void gradient_statistics(const NormBackward& b, const Span& span) {
  const long long channels = b.in.tiling.channels, width = channels / b.in.groups;
  const float4* const table = (const float4*)b.tables + span.image * channels;
  float* const d_weight = b.channels + span.image * 3 * channels;
  float* const d_bias = d_weight + channels;
  for (long long c = span.begin + threadIdx.x; c < span.end; c += kThreads) {
    d_bias[c] = sum_of_chunks(b.in, span.image, 0, c);
    d_weight[c] = sum_of_chunks(b.in, span.image, 1, c) * table[c].y;
  }
  __syncthreads();
  const float numbers = (float)b.in.tiling.pixels * (float)width;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (long long begin = span.begin + warp * width; begin < span.end;
       begin += kThreads / 32 * width) {
    const long long end = begin + width;
    float slope = 0, tilt = 0;
    for (long long c = begin + lane; c < end; c += 32) {
      slope += table[c].z * d_bias[c];
      tilt += table[c].z * d_weight[c];
    }
    slope = warp_sum(slope) / numbers;
    tilt = warp_sum(tilt) / numbers;
    for (long long c = begin + lane; c < end; c += 32) put_channel(b, span.image, c, slope, tilt);
  }
}

template <int N>
DEVICE void gradient_apply(const NormBackward& b) {
  const Share<N> s = share_of<N>(b.in.tiling);
  if (!s.active) return;
  const Place place = place_of(b.in, s.image, s.channel);
  const Upstream<N> up = upstream_of(b, s);
  const Affine<N> a = affine_of(b.in, s, b.tables);
  Element* const out = (Element*)(place.in_skip ? b.d_skip : b.dx) + place.offset;
  const Element* more = (const Element*)(place.in_skip ? b.d_skip_more : b.dx_more);
  if (more) more += place.offset;
  const float2* const slopes = (const float2*)b.slopes + s.image * b.in.tiling.channels + s.channel;
  float2 slope[N];
  for (int i = 0; i < N; ++i) slope[i] = slopes[i];
  struct Three {
    FetchedPair<N> pair;
    Fetched<N> more;
  };
  for_pixels(
      s,
      [&](int pixel) {
        const FetchedPair<N> pair = fetch_pair(up, pixel);
        return Three{pair, more ? fetch<N>(more + (long long)pixel * place.stride) : pair.dy};
      },
      [&](int pixel, const Three& three) {
        Values<N> d, g;
        gradient_of(b, three.pair, a, d, g);
        const Values<N> added = widen(three.more);
        for (int i = 0; i < N; ++i)
          g.at[i] = a.gain[i] * g.at[i] - slope[i].x - d.at[i] * slope[i].y +
                    (more ? added.at[i] : 0.0f);
        store<N>(out + (long long)pixel * place.stride, g);
      });
}

template <int N>
DEVICE void gradient_whole(const NormBackward& b) {
  gradient_sums<N>(b);
  __syncthreads();
  gradient_statistics(b, tile_of_image<N>(b.in));
  __syncthreads();
  gradient_apply<N>(b);
}

KERNEL void __launch_bounds__(kThreads, 2) norm_gradient_sums(NormBackward b) {
  gradient_sums<kPack>(b);
}
KERNEL void __launch_bounds__(kThreads) norm_gradient_sums_plain(NormBackward b) {
  gradient_sums<1>(b);
}

KERNEL void __launch_bounds__(kThreads) norm_gradient_statistics(NormBackward b) {
  gradient_statistics(b, whole_image(b.in));
}

KERNEL void __launch_bounds__(kThreads, 2) norm_gradient_apply(NormBackward b) {
  gradient_apply<kPack>(b);
}
KERNEL void __launch_bounds__(kThreads) norm_gradient_apply_plain(NormBackward b) {
  gradient_apply<1>(b);
}

KERNEL void __launch_bounds__(kThreads, 2) norm_gradient_whole(NormBackward b) {
  gradient_whole<kPack>(b);
}
KERNEL void __launch_bounds__(kThreads, 2) norm_gradient_whole_plain(NormBackward b) {
  gradient_whole<1>(b);
}
