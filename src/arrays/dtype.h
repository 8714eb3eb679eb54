// Number types and their names in file formats.
#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string_view>

namespace diffuse {

struct DType {
  at::ScalarType type;
  std::string_view numpy;        // after the byte order, as in "<f4"; "" = none in NumPy
  std::string_view torch;        // torch.<...>Storage; "" = none in files of torch.save
  std::string_view safetensors;  // "" = none
};

inline constexpr DType kDTypes[] = {{at::kBool, "b1", "Bool", "BOOL"},
                                    {at::kByte, "u1", "Byte", "U8"},
                                    {at::kChar, "i1", "Char", "I8"},
                                    {at::kShort, "i2", "Short", "I16"},
                                    {at::kInt, "i4", "Int", "I32"},
                                    {at::kLong, "i8", "Long", "I64"},
                                    {at::kUInt16, "", "", "U16"},
                                    {at::kUInt32, "", "", "U32"},
                                    {at::kUInt64, "", "", "U64"},
                                    {at::kHalf, "f2", "Half", "F16"},
                                    {at::kBFloat16, "", "BFloat16", "BF16"},
                                    {at::kFloat, "f4", "Float", "F32"},
                                    {at::kDouble, "f8", "Double", "F64"},
                                    {at::kFloat8_e4m3fn, "", "", "F8_E4M3"},
                                    {at::kFloat8_e5m2, "", "", "F8_E5M2"}};

// The name of a type in a format such as &DType::numpy; "" for none.
inline std::string_view dtype_name(at::ScalarType type, std::string_view DType::*format) {
  for (const DType& known : kDTypes)
    if (known.type == type) return known.*format;
  return "";
}

// The type with this name in a format.
inline std::optional<at::ScalarType> dtype_named(std::string_view name,
                                                 std::string_view DType::*format) {
  for (const DType& known : kDTypes)
    if (!name.empty() && known.*format == name) return known.type;
  return std::nullopt;
}

}  // namespace diffuse
