#define DIFFUSE_LANES 4
#define DIFFUSE_KERNELS any_kernels
#include "vector_kernels.h"

#include "vector_kernels_lanes.h"

namespace diffuse::ops::cpu {

#if defined(__x86_64__)

extern const VectorKernels avx512_kernels, avx2_kernels;

const VectorKernels* vector_kernels(int lanes) {
  __builtin_cpu_init();
  if (lanes == 16) return __builtin_cpu_supports("x86-64-v4") ? &avx512_kernels : nullptr;
  if (lanes == 8) return __builtin_cpu_supports("x86-64-v3") ? &avx2_kernels : nullptr;
  return lanes == 4 ? &any_kernels : nullptr;
}

#else

const VectorKernels* vector_kernels(int lanes) { return lanes == 4 ? &any_kernels : nullptr; }

#endif

static const VectorKernels& widest() {
  for (int lanes = 16; lanes > 4; lanes /= 2)
    if (const VectorKernels* const kernels = vector_kernels(lanes)) return *kernels;
  return any_kernels;
}

const VectorKernels& vector_kernels() {
  static const VectorKernels& kernels = widest();
  return kernels;
}

}  // namespace diffuse::ops::cpu
