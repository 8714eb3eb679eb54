// The loops of Winograd's F(4x4, 3x3) over tiles of images in the channels_last layout.
//
//   y = A' [(G g G') . (B' d B)] A    for each 4x4 tile of y, its 6x6 tile d of x and a 3x3 filter g
//                                                                        [Lavin16] sec. 4.3
//
// Of an image doubled by repeating its pixels, d has equal rows and columns 1 and 2, and 3 and 4. Then (B' d B) is 0
// at the third of the six points of each dimension, and 25 of the 36 products remain, of transforms that read the
// small image. The gradient of the small image adds outputs of A' in pairs, to which the third point contributes 0.
//
// Work is cut so that transforms and the products between them stay in a core's caches. Planes of `tiles` tiles
// have channels in blocks of 16: value (plane, channel, tile) is at
//   plane * plane_stride(channels, tiles) + channel / 16 * tiles * 16 + tile * 16 + channel % 16.
#pragma once

#include <cstdint>

#include "product_kernel.h"

namespace diffuse::ops::cpu {

inline constexpr int64_t kTile = 4;         // pixels per side of a tile
inline constexpr int64_t kSmallTile = 2;    // of the same tile before its image was doubled
inline constexpr int64_t kSide = 6;         // points per dimension
inline constexpr int64_t kDoubledSide = 5;  // if the input is a doubled image
inline constexpr int64_t kPlanes = 36;      // products per tile and pair of channels, at most
inline constexpr int64_t kDepth = 64;       // inputs whose filters are transformed at a time
inline constexpr int64_t kGap =
    5 * 64 / sizeof(float);  // between planes: else all fall into the same cache sets

DIFFUSE_INLINE int64_t plane_stride(int64_t channels, int64_t tiles) {
  return blocks_of(channels) * kBlock * tiles + kGap;
}

// Floats of scratch: transformed filters and products of a call of `products`, sums of one of `filter_gradient`.
inline constexpr int64_t kFilterScratch = kPlanes * (kDepth * kPanel + kGap);
DIFFUSE_INLINE int64_t plane_products_scratch(int64_t tiles) {
  return kPlanes * plane_stride(kPanel, tiles);
}

// Images [count, height, width, channels], float or bfloat16, whose tiles are numbered image by image, row by row.
// Beyond its edges an image is 0.
struct TiledImages {
  void* data;
  bool bf16;
  int64_t count, height, width, channels;
  int64_t tile;  // kTile or kSmallTile

  DIFFUSE_INLINE int64_t rows() const { return ceil_divide(height, tile); }
  DIFFUSE_INLINE int64_t columns() const { return ceil_divide(width, tile); }
  DIFFUSE_INLINE int64_t tiles() const { return count * rows() * columns(); }
};

// The filters of a convolution, [outputs][3][3][inputs] in memory. `turned`: those of the gradient of its input,
// from outputs to inputs and rotated by 180 degrees.
struct Filters {
  float* weight;
  int64_t outputs, inputs;
  int64_t side;  // points per dimension of their transform: kSide or kDoubledSide
  bool turned;

  DIFFUSE_INLINE int64_t from() const { return turned ? outputs : inputs; }
  DIFFUSE_INLINE int64_t to() const { return turned ? inputs : outputs; }
};

// Results do not depend on how tiles are cut into ranges, nor on the other tiles of a range, except for sums over them.
struct WinogradKernels {
  // B' d B of tiles of x, each with a border of one pixel, into side * side planes of all channels. Only `channels`,
  // whose begin is a multiple of 16.
  void (*input)(const TiledImages& x, Range tiles, Range channels, int64_t side, float* planes);

  // A dy A' of the channels of dy, whose begin is a multiple of 16: the planes' gradient. Adds the pixels' sum of
  // each channel to sums, which has room for whole blocks.
  void (*output_gradient)(const TiledImages& dy, Range tiles, Range channels, int64_t side,
                          float* planes, float* sums);

  // The products of planes of filters.from() channels with G g G' for outputs first .. first + 31, into planes of 32
  // channels. `next`: the first output of the call that this thread will probably make next, whose filters are
  // brought into its caches meanwhile. scratch: kFilterScratch floats.
  void (*products)(const Filters& filters, int64_t first, int64_t next, int64_t tiles,
                   const float* planes, float* scratch, float* products);

  // A' m A + bias (of all channels; null = 0) into channels first .. first + 31 of tiles of y; small tiles: its
  // pixels' sums by 2 x 2.
  void (*output)(const TiledImages& y, Range tiles, int64_t first, int64_t side,
                 const float* products, const float* bias);

  // G' (sum over tiles of gradient and input planes) G into outputs `outputs` of the filters, or added to them.
  // scratch: kFilterScratch floats.
  void (*filter_gradient)(const Filters& filters, Range outputs, int64_t tiles,
                          const float* gradients, const float* inputs, bool add, float* scratch);
};

}  // namespace diffuse::ops::cpu
