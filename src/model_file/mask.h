// Which part of a sample is painted, from a picture or an array.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

#include "diffuse/model_file/model.h"

namespace diffuse {

// --mask: 1 where there is to be painted, 0 where what is there is kept. A picture or .npy ->
// float32 [1, 1, H, W] for images, [1, C, L] for signals, [1, D] for points.
//
// White, 1, is the first of 1, 255 and 65535 that no number of the mask exceeds. Of a picture with
// transparent parts, what is white is painted where all else is transparent, and the holes where all
// else is black. A JPEG's greys are noise: they count as black or white. Throws Error naming the file
// where none of this holds, no number is at least half white, or the size is not the model's.
at::Tensor load_mask(const std::filesystem::path& file, const Model& model);

}  // namespace diffuse
