// Pictures of samples: 8-bit images and grids of tensors in [-1, 1], and scatter plots of points.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

// x [B, C, H, W] in [-1, 1] -> uint8 [B, C, H, W]: round((x + 1) * 127.5), clamped.
at::Tensor to_uint8(const at::Tensor& x);

// Whether a picture can show this number of channels directly: grey or colour.
inline bool is_pictured(int64_t channels) { return channels == 1 || channels == 3; }

// x [C, H, W] in [-1, 1] -> Image, each pixel repeated `zoom` times. If C is not 1 or 3, the channels are
// shown side by side, here and in grids.
Image to_image(const at::Tensor& x, int64_t zoom = 1);

// x [B, C, H, W] in [-1, 1] -> one image, `columns` wide (0 = nearest to a square), with `gap` pixels of
// white between and around tiles, each pixel repeated `zoom` times (0 = at most 16, enough for a grid at
// least 512 pixels wide).
Image make_grid(const at::Tensor& x, int64_t columns = 0, int64_t gap = 2, int64_t zoom = 0);

// Signals [B, C, L] as small charts side by side on one scale, with a curve for each of the first channels;
// `columns` of them in a row (0 = nearest to a square).
Image draw_signals(const at::Tensor& x, int64_t columns = 0);

// Points [N, D >= 1] as a scatter plot of the first two dimensions: anti-aliased dots on white,
// axes from -limit to limit, `side` pixels square. colours: one 0xRRGGBB per point, or empty for one
// colour.
Image draw_points(const at::Tensor& points, double limit = 3.5, int64_t side = 512,
                  const std::vector<uint32_t>& colours = {});

// N paths of K points each, [N, K, D >= 2], as lines on the same axes, with a dot where each ends. Parts beyond
// the axes are left out.
Image draw_paths(const at::Tensor& paths, double limit = 3.5, int64_t side = 512);

}  // namespace diffuse
