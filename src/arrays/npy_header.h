// The header of a .npy file (NumPy Enhancement Proposal 1): magic, version, header length, a Python dict
// literal; then the data.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "npy_type.h"

namespace diffuse {

inline constexpr uint64_t kMaxNpyHeader = 1 << 16;

struct NpyHeader {
  NpyType type;
  std::vector<int64_t> shape;  // as stored: reversed in Fortran order
  bool fortran;
  uint64_t offset;  // of the data
  uint64_t bytes;   // of the data
};

// The header of a C-order array; the data follow at a multiple of 64 bytes.
std::string npy_header(at::ScalarType type, at::IntArrayRef shape);

// Parses the header of a file of `size` bytes; `start`, the file's beginning, contains the whole header.
// Throws Error prefixed by the name if it is corrupt, of another version, or does not match `size`.
NpyHeader parse_npy_header(const std::string& name, std::string_view start, uint64_t size);

// The array as it is written: on the CPU, in C order.
at::Tensor plain(const at::Tensor& array);
std::string_view bytes_of(const at::Tensor& array);

}  // namespace diffuse
