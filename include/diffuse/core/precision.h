// The number format of a network's activations.
#pragma once

#include "diffuse/core/words.h"

namespace diffuse {

enum class Precision {
  kFp32,
  kBf16,
  kFp16,  // GPU only
  kAuto,  // bf16 on a GPU that supports it, else fp32
};

template <>
struct Words<Precision> {
  using enum Precision;
  static constexpr Word<Precision> list[]{
      {kFp32, "fp32"}, {kBf16, "bf16"}, {kFp16, "fp16"}, {kAuto, "auto"}};
};

}  // namespace diffuse
