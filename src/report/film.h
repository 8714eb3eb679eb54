// A process over time as pictures.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// The process at some moments: [frames] of [items, ...] in the data's units, and how many steps had been
// taken.
struct Film {
  std::vector<at::Tensor> frames{};
  std::vector<int64_t> steps{};
  SampleKind kind;
  DataConfig data;
};

// An animation, a row of pictures (.png), the numbers (.npy: [frames, items, ...]) or a folder of one PNG a
// frame, by the name. Pictures of points are `size` pixels a side.
void write_film(const Film& film, const std::filesystem::path& file, int64_t size);

}  // namespace diffuse
