#include "processor.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace diffuse::ops::cpu {

#if defined(__x86_64__)

bool mkl_leaves_avx512_unused() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && !__builtin_cpu_is("intel");
}

bool multiplies_bf16_matrices() {
  unsigned int a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1) != 0;
}

#else

bool mkl_leaves_avx512_unused() { return false; }
bool multiplies_bf16_matrices() { return false; }

#endif

}  // namespace diffuse::ops::cpu
