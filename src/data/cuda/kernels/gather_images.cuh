// A batch of 8-bit images that are on the card.
#include "src/core/cuda/kernels/philox.cuh"

// out [B, C, H, W] = pixels[item] / 127.5 - 1 of pixels [N, C, H, W]; elements from channel to channel and from
// pixel to pixel of out are `channel_stride` and `pixel_stride` apart. With keys [B, 2], the rows whose stream's
// first word is odd are mirrored. A thread a pixel; grid (blocks of an image, B).
KERNEL void __launch_bounds__(kThreads)
    gather_images(const unsigned char* pixels, const long long* items, const long long* keys,
                  long long channels, long long height, long long width, long long channel_stride,
                  long long pixel_stride, Element* out) {
  constexpr unsigned kAugment = 4;  // Purpose::kAugment
  const long long at = (long long)blockIdx.x * kThreads + threadIdx.x, row = blockIdx.y;
  const long long area = height * width;
  if (at >= area) return;
  const bool mirrored = keys && words_of(stream_of(keys + 2 * row, kAugment, 0), 0).at[0] % 2 != 0;
  const long long x = at % width, source = mirrored ? at - x + (width - 1 - x) : at;
  const unsigned char* const image = pixels + items[row] * channels * area;
  Element* const to = out + row * channels * area + at * pixel_stride;
  for (long long c = 0; c < channels; ++c)
    to[c * channel_stride] = narrow((float)image[c * area + source] / 127.5f - 1.0f);
}
