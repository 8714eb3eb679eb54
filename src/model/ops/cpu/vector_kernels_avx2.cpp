#if defined(__AVX2__)
#define DIFFUSE_LANES 8
#define DIFFUSE_KERNELS avx2_kernels
#include "vector_kernels_lanes.h"
#endif
