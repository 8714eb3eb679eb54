// What a .npy file says its numbers are: NumPy's "descr".
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace diffuse {

struct NpyType {
  at::ScalarType stored;     // as the bytes are read
  bool big_endian = false;   // each number's bytes are the other way round
  bool is_unsigned = false;  // of 2, 4 or 8 bytes, read as the signed kind of the same size
};

// How NumPy names one of ours.
std::string npy_descr(at::ScalarType type);

// Of the text that follows 'descr': in the header of the file `name`. Throws Error for other kinds.
NpyType npy_type(const std::string& name, std::string_view text);

// What was read becomes what it stands for: unsigned numbers the next wider signed kind.
at::Tensor as_meant(const NpyType& type, const std::string& name, at::Tensor stored);

}  // namespace diffuse
