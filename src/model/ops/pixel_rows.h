// Images as matrices with one row per pixel, for 1x1 convolutions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

namespace diffuse::ops {

// [B, C, H, W] -> [B H W, C]: no copy in the channels_last layout.
inline at::Tensor pixel_rows(const at::Tensor& x) {
  return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)});
}

// [B H W, C] -> [B, C, H, W], of the size of `like` except for the channels.
inline at::Tensor image_of(const at::Tensor& rows, const at::Tensor& like) {
  return rows.view({like.size(0), like.size(2), like.size(3), -1}).permute({0, 3, 1, 2});
}

// Calls work(part, its index, its filters [O, part's channels]) for x and, if defined, skip, whose channels follow
// those of x; matrix [O, I]: the weight of a 1x1 convolution of both, or its gradient.
template <class Work>
void for_parts(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& matrix,
               const Work& work) {
  const int64_t channels = x.size(1);
  work(x, size_t{0}, matrix.narrow(1, 0, channels));
  if (skip.defined()) work(skip, size_t{1}, matrix.narrow(1, channels, skip.size(1)));
}

}  // namespace diffuse::ops
