// The number type of a .npy file: NumPy's "descr".
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace diffuse {

struct NpyType {
  at::ScalarType stored;     // type of the bytes as read
  bool big_endian = false;   // each number's bytes are reversed
  bool is_unsigned = false;  // of 2, 4 or 8 bytes, read as the signed type of the same size
};

// NumPy's name of a type.
std::string npy_descr(at::ScalarType type);

// Parses the text after 'descr': in the header of the file `name`. Throws Error for other types.
NpyType npy_type(const std::string& name, std::string_view text);

// Converts numbers as read to their meaning: unsigned numbers to the next wider signed type.
at::Tensor as_meant(const NpyType& type, const std::string& name, at::Tensor stored);

}  // namespace diffuse
