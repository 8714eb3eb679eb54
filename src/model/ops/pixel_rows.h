// Images as matrices with one row per pixel, for 1x1 convolutions.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops {

// [B, C, H, W] -> [B H W, C]: no copy in the channels_last layout.
inline at::Tensor pixel_rows(const at::Tensor& x) {
  return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)});
}

// [B H W, C] -> [B, C, H, W], of the size of `like` except for the channels.
inline at::Tensor image_of(const at::Tensor& rows, const at::Tensor& like) {
  return rows.view({like.size(0), like.size(2), like.size(3), -1}).permute({0, 3, 1, 2});
}

}  // namespace diffuse::ops
