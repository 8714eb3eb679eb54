// Pictures and arrays that hold conditions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace diffuse {

// A picture, a folder of pictures or an array: in a file, or in memory.
struct ConditionSource {
  std::string by;              // the flag or function that names it: "--condition"
  std::filesystem::path path;  // where it is; of an array, what messages call it
  at::Tensor array{};          // undefined: in the file

  std::string name() const { return by + ' ' + path.string(); }
};

// Its rows, each of the first of `shapes` that fits: [N, shape...], uint8 of pictures and of arrays of bytes if
// `images`, else float32 as stored. Grey pictures fit three channels too. Throws Error beginning with its name.
at::Tensor read_conditions(const ConditionSource& source,
                           const std::vector<std::vector<int64_t>>& shapes, bool images);

// Samples with unknown parts.
struct MaskedSamples {
  at::Tensor
      values;  // float32 [N, shape...]: of pictures from -1, black, to 1, white; zero where unknown
  at::Tensor known;    // float32 [N, 1, H, W] for images, else [N, C, L]: 1 where known
  bool bytes = false;  // the values are of pictures
};

// Unknown are transparent pixels, NaN in arrays; a pixel with NaN in one channel is unknown in all.
MaskedSamples read_masked(const ConditionSource& source, const std::vector<int64_t>& shape,
                          bool images);

}  // namespace diffuse
