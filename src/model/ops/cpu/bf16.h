// bfloat16 in memory for the CPU's inner loops, which compute in float: like c10::BFloat16, in a form that
// compilers can vectorise.
#pragma once

#include <cstdint>
#include <cstring>

#include "vectorised.h"

namespace diffuse::ops::cpu {

struct Bf16 {
  uint16_t bits;

  DIFFUSE_INLINE void operator=(float x) {  // rounds to nearest, ties to even
    uint32_t word;
    std::memcpy(&word, &x, sizeof word);
    const uint32_t rounded = (word + 0x7fff + ((word >> 16) & 1)) >> 16;
    bits = static_cast<uint16_t>(x != x ? 0x7fc0 : rounded);
  }

  DIFFUSE_INLINE operator float() const {
    const uint32_t word = static_cast<uint32_t>(bits) << 16;
    float x;
    std::memcpy(&x, &word, sizeof x);
    return x;
  }
};

}  // namespace diffuse::ops::cpu
