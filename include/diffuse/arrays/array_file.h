// NumPy's .npy and .npz files.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/files/file.h"

namespace diffuse {

// Writes a C-order array (bool, uint8, int8 to int64, float16 to float64) atomically.
void write_npy(const std::filesystem::path& path, const at::Tensor& array);

// Reads an array of the same kinds in any order of bytes and axes; uint16 and uint32 become the next
// wider signed kind, and uint64 int64. Sizes are checked against the file's length before allocation.
// Throws Error naming the file.
at::Tensor read_npy(const std::filesystem::path& path);

// Writes named arrays as an uncompressed .npz atomically.
void write_npz(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, at::Tensor>>& arrays);

// The names of an .npz's arrays, in its order.
std::vector<std::string> npz_names(const std::filesystem::path& path);

// One array of an .npz, compressed or not. Throws Error naming the file and what it holds.
at::Tensor read_npz(const std::filesystem::path& path, const std::string& name);

// A .npy, or the array arr_0 of a .npz, that is written row by row: memory does not grow with it,
// and what a stopped run has written can be gone on with. The rows so far lie in "NAME.partial".
class ArrayStream {
 public:
  // shape: rows first. `resume` keeps the whole rows that are there already. Throws Error naming the
  // file where they are of another shape or it cannot be written.
  ArrayStream(std::filesystem::path path, at::ScalarType type, const std::vector<int64_t>& shape,
              bool resume);
  ~ArrayStream();

  int64_t rows() const { return rows_; }  // there so far
  void append(const at::Tensor& rows);    // [B, ...]
  void finish();                          // the partial file becomes the named one

 private:
  template <class Work>
  void naming(const Work& work) const;

  std::filesystem::path path_, partial_;
  at::ScalarType type_;
  uint64_t row_bytes_ = 0;
  int64_t rows_ = 0;
  std::unique_ptr<OutputFile> file_;
};

}  // namespace diffuse
