#if defined(__AVX512F__)
#define DIFFUSE_LANES 16
#define DIFFUSE_KERNELS winograd_avx512
#include "winograd_lanes.h"
#endif
