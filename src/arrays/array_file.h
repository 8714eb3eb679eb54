// NumPy's .npy and .npz files.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace diffuse {

// Writes a C-order array (bool, uint8, int8 to int64, float16 to float64) atomically.
void write_npy(const std::filesystem::path& path, const at::Tensor& array);

// Reads an array of the same types in any byte order and axis order; uint16 and uint32 become the next
// wider signed type, and uint64 int64. Sizes are checked against the file's length before allocation.
// Throws Error naming the file.
at::Tensor read_npy(const std::filesystem::path& path);

// Writes named arrays as an uncompressed .npz atomically.
void write_npz(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, at::Tensor>>& arrays);

// The names of an .npz's arrays, in file order.
std::vector<std::string> npz_names(const std::filesystem::path& path);

// One array of an .npz, compressed or not. Throws Error naming the file and its arrays.
at::Tensor read_npz(const std::filesystem::path& path, const std::string& name);

}  // namespace diffuse
