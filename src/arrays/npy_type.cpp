#include "npy_type.h"

#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/ne.h>

#include <algorithm>

#include "diffuse/core/error.h"
#include "dtype.h"

namespace diffuse {

std::string npy_descr(at::ScalarType type) {
  const std::string_view name = dtype_name(type, &DType::numpy);
  TORCH_CHECK(!name.empty(), "write_npy: arrays of ", type, " are not supported");
  return concat(c10::elementSize(type) == 1 ? '|' : '<', name);
}

// Other types that NumPy stores, by the letter after the byte order.
static std::string_view kind_of(std::string_view text) {
  if (text.starts_with('[')) return "a structured array";
  switch (text.size() > 2 ? text[2] : ' ') {
    case 'O':
      return "an array of Python objects";
    case 'c':
      return "an array of complex numbers";
    case 'U':
    case 'S':
      return "an array of strings";
    case 'M':
    case 'm':
      return "an array of times";
    case 'V':
      return "an array of raw bytes (bfloat16 is saved this way)";
    default:
      return "an array";
  }
}

NpyType npy_type(const std::string& name, std::string_view text) {
  const std::string_view quoted = text.substr(0, text.empty() ? 0 : text.find(text[0], 1) + 1);
  const char order = quoted.size() == 5 ? quoted[1] : ' ';
  const std::string_view code = quoted.size() == 5 ? quoted.substr(2, 2) : "";
  const bool is_unsigned = code == "u2" || code == "u4" || code == "u8";
  const std::string signed_code = is_unsigned ? concat('i', code[1]) : std::string(code);
  if (order == '<' || order == '>' || order == '|' || order == '=')
    if (const auto type = dtype_named(signed_code, &DType::numpy))
      return {*type, order == '>' && c10::elementSize(*type) > 1, is_unsigned};
  const std::string_view shown =
      text.starts_with('[') ? text.substr(0, text.find(']') + 1) : quoted;
  throw Error(
      name, ": ", kind_of(text), " of type ", printable(shown),
      " is not supported; expected bool, int8 to int64, uint8 to uint64 or float16 to float64");
}

static void reverse_bytes(const at::Tensor& x) {
  const size_t size = x.element_size();
  auto* const bytes = static_cast<uint8_t*>(x.mutable_data_ptr());
  for (size_t i = 0; i < x.nbytes(); i += size) std::reverse(bytes + i, bytes + i + size);
}

at::Tensor as_meant(const NpyType& type, const std::string& name, at::Tensor stored) {
  if (type.big_endian) reverse_bytes(stored);
  if (type.stored == at::kBool)  // bytes other than 0 and 1 are undefined behaviour in C++
    return stored.view(at::kByte).ne(0);
  if (!type.is_unsigned) return stored;
  if (type.stored == at::kShort) return stored.to(at::kInt).bitwise_and(0xffff);
  if (type.stored == at::kInt) return stored.to(at::kLong).bitwise_and(int64_t{0xffffffff});
  if (stored.lt(0).any().item<bool>())
    throw Error(name, ": uint64 numbers above ", INT64_MAX, " are not supported");
  return stored;
}

}  // namespace diffuse
