// NumPy's .npy and .npz files.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace diffuse {

// Writes a C-order array (uint8, int64, float32 or float64) atomically.
void write_npy(const std::filesystem::path& path, const at::Tensor& array);

// Reads a little-endian C-order array of the same kinds. Sizes are checked against the file's length
// before allocation. Throws Error naming the file.
at::Tensor read_npy(const std::filesystem::path& path);

// Writes named arrays as an uncompressed .npz atomically.
void write_npz(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, at::Tensor>>& arrays);

}  // namespace diffuse
