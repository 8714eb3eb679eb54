// A process over time as pictures.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// The process at selected times: [frames] of [items, ...] in the data's units, and the number of steps before
// each.
struct Film {
  std::vector<at::Tensor> frames{};
  std::vector<int64_t> steps{};
  SampleKind kind;
  DataConfig data;
};

// An animation, a row of pictures (.png), the numbers (.npy: [frames, items, ...]) or a folder with one PNG
// per frame, selected by the name. Pictures of points are `size` pixels wide and high.
void write_film(const Film& film, const std::filesystem::path& file, int64_t size);

}  // namespace diffuse
