// Arrays written row by row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "src/files/file.h"

namespace diffuse {

// A .npy, or the array arr_0 of a .npz, written row by row: memory does not grow with it, and a stopped
// run can be resumed. Until finish(), the rows are in "NAME.partial".
class ArrayStream {
 public:
  // shape: rows first. `resume` keeps the complete rows already written. Throws Error naming the file if
  // these have another shape or the file cannot be written.
  ArrayStream(std::filesystem::path path, at::ScalarType type, const std::vector<int64_t>& shape,
              bool resume);
  ~ArrayStream();

  int64_t rows() const { return rows_; }  // written so far
  void append(const at::Tensor& rows);    // [B, ...]
  void finish();                          // renames the partial file

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
