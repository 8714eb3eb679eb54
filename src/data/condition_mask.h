// Masks of known values, drawn at random.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "diffuse/config/config.h"
#include "diffuse/core/random_tensor.h"

namespace diffuse {

// Channels of a mask for samples of a shape: 1 for images, all for signals.
int64_t mask_channels(at::IntArrayRef shape);

// Masks of config.mask for samples of a shape, 1 where a value is known: float32 [B, mask channels, H, W] or
// [B, C, L] on the CPU. Row b depends only on keys[b].
//   boxes     unknown: one to three boxes, their sides uniform up to `share` of the image's
//   centre    unknown: the box in the middle with `share` of each side
//   random    unknown: each number with probability `share`; with 0, this is drawn from [0, 1) for each row
//   forecast  unknown: the last `horizon` steps
//   channels  unknown: each channel with probability `share`, at least one, and not all
at::Tensor draw_masks(const ConditionConfig& config, at::IntArrayRef shape,
                      std::span<const StreamKey> keys);

}  // namespace diffuse
