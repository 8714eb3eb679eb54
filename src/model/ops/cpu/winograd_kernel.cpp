#define DIFFUSE_LANES 4
#define DIFFUSE_KERNELS winograd_any
#include "winograd_lanes.h"

namespace diffuse::ops::cpu {

#if defined(__x86_64__)

extern const WinogradKernels winograd_avx512, winograd_avx2;

const WinogradKernels* winograd_kernels(int lanes) {
  __builtin_cpu_init();
  if (lanes == 16) return __builtin_cpu_supports("x86-64-v4") ? &winograd_avx512 : nullptr;
  if (lanes == 8) return __builtin_cpu_supports("x86-64-v3") ? &winograd_avx2 : nullptr;
  return lanes == 4 ? &winograd_any : nullptr;
}

#else

const WinogradKernels* winograd_kernels(int lanes) { return lanes == 4 ? &winograd_any : nullptr; }

#endif

static const WinogradKernels& widest() {
  for (const int lanes : {16, 8})
    if (const WinogradKernels* const kernels = winograd_kernels(lanes)) return *kernels;
  return winograd_any;
}

const WinogradKernels& winograd_kernels() {
  static const WinogradKernels& kernels = widest();
  return kernels;
}

}  // namespace diffuse::ops::cpu
