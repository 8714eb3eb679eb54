// The part of a sample to paint, from a picture or an array.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

#include "diffuse/model_file/model.h"

namespace diffuse {

// --mask: 1 where the sample is painted, 0 where it is kept. A picture or .npy -> float32 [1, 1, H, W] for
// images, [1, C, L] for signals, [1, D] for points.
//
// White, 1, is the smallest of 1, 255 and 65535 that is at least the mask's maximum. In a picture with
// transparency, white is painted if the rest is transparent, and the holes if the rest is black. A JPEG's
// greys are noise: they are rounded to black or white. Throws Error naming the file if none of this holds, no
// number is at least half of white, or the size is not the model's.
at::Tensor load_mask(const std::filesystem::path& file, const Model& model);

}  // namespace diffuse
