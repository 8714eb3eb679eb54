// e^x in loops that compilers vectorise.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "vectorised.h"

namespace diffuse::ops::cpu {

// x within [-limit, limit], by integers: compilers do not find the processor's minimum in a comparison of floats.
DIFFUSE_INLINE float clamped(float x, float limit) {
  const auto word = std::bit_cast<uint32_t>(x);
  const int32_t size =
      std::min(static_cast<int32_t>(word & 0x7fffffff), std::bit_cast<int32_t>(limit));
  return std::bit_cast<float>((word & 0x80000000) | static_cast<uint32_t>(size));
}

// e^x with a relative error below 3e-7, x taken within [-87, 87]: 2^n e^r with |r| <= ln 2 / 2, e^r by a
// minimax polynomial. Unlike std::exp it lets loops around it be vectorised.
DIFFUSE_INLINE float exp_bounded(float x) {
  const float bounded = clamped(x, 87.0f);
  const float rounder = 12582912.0f;  // 1.5 * 2^23: the sum's last bits are n
  const float sum = bounded * 1.44269504f + rounder;
  const float n = sum - rounder;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;  // n ln 2 in two parts
  float p = 8.2976194e-3f;
  p = p * r + 4.1915629e-2f;
  p = p * r + 1.6667576e-1f;
  p = p * r + 4.9998893e-1f;
  p = p * r + 9.9999969e-1f;
  p = p * r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) + (std::bit_cast<uint32_t>(sum) << 23));
}

}  // namespace diffuse::ops::cpu
