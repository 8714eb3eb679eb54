// What the kernels' texts need to be compiled as C++. A file of tests defines STORAGE, includes this and then, in
// a namespace of its own, the texts.
#pragma once

#include <c10/util/Half.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "tests/core/cuda/fibres.h"

#define KERNEL static
#define DEVICE static inline
#define UNROLL(count)
#define __launch_bounds__(...)
#define __shared__ static
#define threadIdx (::diffuse::shim::thread_index)
#define blockIdx (::diffuse::shim::block_index)
#define __syncthreads() ::diffuse::shim::Block::current()->barrier()

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};

inline float float_of_bits(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline unsigned bits_of_float(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float float_of_half(unsigned short bits) { return c10::Half(bits, c10::Half::from_bits()); }
inline unsigned short half_of_float(float x) { return c10::Half(x).x; }
inline void put_words(void* to, const uint4& words) { std::memcpy(to, &words, sizeof words); }
inline float exp2_fast(float x) { return std::exp2(x); }
inline float reciprocal(float x) { return 1.0f / x; }
inline float __shfl_xor_sync(unsigned, float value, int distance) {
  return diffuse::shim::Block::current()->exchange(
      value, (threadIdx.x % diffuse::shim::Block::kWarp) ^ static_cast<unsigned>(distance));
}
// As the CPU's streams: not exact at multiples of pi / 2.
inline void sincospi(double x, double* sine, double* cosine) {
  *sine = std::sin(std::numbers::pi * x);
  *cosine = std::cos(std::numbers::pi * x);
}
