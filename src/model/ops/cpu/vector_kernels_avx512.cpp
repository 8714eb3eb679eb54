#if defined(__AVX512F__)
#define DIFFUSE_LANES 16
#define DIFFUSE_KERNELS avx512_kernels
#include "vector_kernels_lanes.h"
#endif
