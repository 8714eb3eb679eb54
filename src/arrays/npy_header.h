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

// Of a C-order array; the data follow it, at a multiple of 64 bytes.
std::string npy_header(at::ScalarType type, at::IntArrayRef shape);

// Of a file of `size` bytes that begins with `start`, which holds the whole header. Throws Error with the
// name in front where it is corrupt, of another version, or promises another number of bytes.
NpyHeader parse_npy_header(const std::string& name, std::string_view start, uint64_t size);

// What is written of an array: its numbers on the CPU, in C order.
at::Tensor plain(const at::Tensor& array);
std::string_view bytes_of(const at::Tensor& array);

}  // namespace diffuse
