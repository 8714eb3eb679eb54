// What all kernels share: the type that images are stored in, its loads and stores, fast functions.
//
// STORAGE: 0 float, 1 bfloat16, 2 half. All arithmetic is in float. No header is included, so that NVRTC needs
// none; tests compile the same text as C++ (tests/core/cuda/shim.h), with the few names that they then define.
#pragma once

#ifdef __CUDACC_RTC__
#define KERNEL extern "C" __global__
#define DEVICE static __device__ __forceinline__
#define PRAGMA(text) _Pragma(#text)
#define UNROLL(count) PRAGMA(unroll count)  // of the loop that follows
#endif

constexpr int kThreads = 256;  // of a block, in all kernels

#if STORAGE == 0
typedef float Element;
#else
struct Element {
  unsigned short bits;
};
#endif

constexpr int kAhead = 2;                    // loads that a thread has under way before it stores
constexpr int kPack = 16 / sizeof(Element);  // elements in a load of 128 bits

#ifdef __CUDACC_RTC__
DEVICE float float_of_bits(unsigned bits) { return __uint_as_float(bits); }
DEVICE unsigned bits_of_float(float x) { return __float_as_uint(x); }

DEVICE float float_of_half(unsigned short bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}

DEVICE unsigned short half_of_float(float x) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}

// 128 bits in one store: four words of a struct are not always joined by the compiler.
DEVICE void put_words(void* to, const uint4& words) {
  asm volatile(
      "{ .reg .u64 at; cvta.to.global.u64 at, %0; st.global.v4.u32 [at], {%1, %2, %3, %4}; }"
      :
      : "l"(to), "r"(words.x), "r"(words.y), "r"(words.z), "r"(words.w)
      : "memory");
}

// 2^x and 1 / x to 2 units in the last place.
DEVICE float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

DEVICE float reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
#endif

// To the nearest, ties to even.
DEVICE unsigned short bfloat16_of_float(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
#else
  const unsigned bits = bits_of_float(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;  // not a number
  return (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#endif
}

#if STORAGE == 0
DEVICE float widen(Element x) { return x; }
DEVICE Element narrow(float x) { return x; }
#elif STORAGE == 1
DEVICE float widen(Element x) { return float_of_bits((unsigned)x.bits << 16); }
DEVICE Element narrow(float x) { return {bfloat16_of_float(x)}; }
#else
DEVICE float widen(Element x) { return float_of_half(x.bits); }
DEVICE Element narrow(float x) { return {half_of_float(x)}; }
#endif

#if STORAGE != 0
DEVICE float widen(float x) { return x; }
#endif

// N neighbouring elements; 128 bits at once for N = kPack, whose address is then a multiple of 16.
template <int N>
struct Values {
  float at[N];
};

#if STORAGE == 0
DEVICE void unpack(unsigned word, float* out) { out[0] = float_of_bits(word); }
DEVICE unsigned pack(const float* in) { return bits_of_float(in[0]); }
#else
DEVICE void unpack(unsigned word, float* out) {
  out[0] = widen(Element{(unsigned short)(word & 0xffffu)});
  out[1] = widen(Element{(unsigned short)(word >> 16)});
}
DEVICE unsigned pack(const float* in) {
  return narrow(in[0]).bits | (unsigned)narrow(in[1]).bits << 16;
}
#endif

// The same as it lies in memory: fetched early, widened when it is used.
template <int N>
struct Fetched {
  uint4 words;
};
template <>
struct Fetched<1> {
  Element element;
};

template <int N>
DEVICE Fetched<N> fetch(const Element* from) {
  if constexpr (N == 1)
    return {*from};
  else
    return {*(const uint4*)from};
}

template <int N>
DEVICE Values<N> widen(const Fetched<N>& x) {
  Values<N> values;
  if constexpr (N == 1) {
    values.at[0] = widen(x.element);
  } else {
    unpack(x.words.x, values.at);
    unpack(x.words.y, values.at + N / 4);
    unpack(x.words.z, values.at + N / 2);
    unpack(x.words.w, values.at + 3 * N / 4);
  }
  return values;
}

template <int N>
DEVICE Values<N> load(const Element* from) {
  return widen(fetch<N>(from));
}

template <int N>
DEVICE void store(Element* to, const Values<N>& x) {
  if constexpr (N == 1) {
    *to = narrow(x.at[0]);
  } else {
    uint4 words;
    words.x = pack(x.at);
    words.y = pack(x.at + N / 4);
    words.z = pack(x.at + N / 2);
    words.w = pack(x.at + 3 * N / 4);
    put_words(to, words);
  }
}

// Four neighbours, at a place that is a multiple of their size.
struct Four {
  float at[4];
};

DEVICE Four four(const float* from, long long at) {
  const float4 x = *(const float4*)(from + at);
  return {{x.x, x.y, x.z, x.w}};
}

DEVICE void put_four(float* to, long long at, const Four& x) {
  *(float4*)(to + at) = {x.at[0], x.at[1], x.at[2], x.at[3]};
}

#if STORAGE != 0
DEVICE Four four(const Element* from, long long at) {
  const uint2 words = *(const uint2*)(from + at);
  Four x;
  unpack(words.x, x.at);
  unpack(words.y, x.at + 2);
  return x;
}

DEVICE void put_four(Element* to, long long at, const Four& x) {
  uint2 words;
  words.x = pack(x.at);
  words.y = pack(x.at + 2);
  *(uint2*)(to + at) = words;
}
#endif

DEVICE float sigmoid(float x) { return reciprocal(1.0f + exp2_fast(-1.44269504f * x)); }

// The sum over a warp, in each of its lanes; of one order.
DEVICE float warp_sum(float x) {
  for (int distance = 16; distance > 0; distance /= 2)
    x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}
