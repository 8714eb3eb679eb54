// The tile transforms of Winograd's F(4x4, 3x3), over one image in the channels_last layout.
//
//   y = A' [(G g G') . (B' d B)] A    for each 4x4 tile of y, its 6x6 tile d of x and a 3x3 filter g
//                                                                        [Lavin16] sec. 4.3
#pragma once

#include <cstdint>

namespace diffuse::ops::cpu {

inline constexpr int64_t kTile = 4;     // outputs per side of a tile
inline constexpr int64_t kPlanes = 36;  // products per tile and pair of channels

// [height, width, channels] cut into rows of tiles, padded with zeros beyond the edge.
struct TileGrid {
  int64_t height, width, channels;

  int64_t rows() const { return (height + kTile - 1) / kTile; }
  int64_t columns() const { return (width + kTile - 1) / kTile; }
  int64_t tiles() const { return rows() * columns(); }
};

// All three write or read planes [36][tiles of the chunk][channels]: plane p of the image's tile i is
// at planes + p * plane + i * channels.

// B' d B of x's tiles, each with a border of one pixel.
void winograd_input(const TileGrid& grid, const float* x, float* planes, int64_t plane);

// A dy A': the planes' gradient from that of y's tiles.
void winograd_gradient(const TileGrid& grid, const float* dy, float* planes, int64_t plane);

// A' m A + bias [channels] (null = 0) into y's tiles.
void winograd_output(const TileGrid& grid, const float* planes, int64_t plane, const float* bias,
                     float* y);

// The filters of outputs [begin, end) of a convolution, [outputs][3][3][inputs] in memory, and their planes
// [36][outputs][inputs].
struct FilterSet {
  int64_t outputs, inputs, begin, end;
};

// G g G'; `turned`: of the filters rotated by 180 degrees, for gradients.
void winograd_filters(const FilterSet& set, const float* weight, bool turned, float* planes);

// G' u G: the gradient of the filters from that of their planes.
void winograd_filter_gradient(const FilterSet& set, const float* planes, float* weight);

}  // namespace diffuse::ops::cpu
