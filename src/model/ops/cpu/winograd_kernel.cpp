#define DIFFUSE_LANES 4
#define DIFFUSE_KERNELS winograd_any
#include "winograd_lanes.h"

namespace diffuse::ops::cpu {

#if defined(__x86_64__)
extern const WinogradKernels winograd_avx512, winograd_avx2;

static const WinogradKernels& widest() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return winograd_avx512;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? winograd_avx2
                                                                         : winograd_any;
}
#else
static const WinogradKernels& widest() { return winograd_any; }
#endif

const WinogradKernels& winograd_kernels() {
  static const WinogradKernels& kernels = widest();
  return kernels;
}

}  // namespace diffuse::ops::cpu
