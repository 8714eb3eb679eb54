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

// Which float32 products on a GPU round their inputs to TF32's 10 bits of mantissa.
enum class Tf32 {
  kOff,
  kConvolutions,  // as in PyTorch by default
  kAll,           // matrix products too
};

template <>
struct Words<Tf32> {
  using enum Tf32;
  static constexpr Word<Tf32> list[]{{kOff, "off"}, {kConvolutions, "convolutions"}, {kAll, "all"}};
};

}  // namespace diffuse
