#if defined(__AVX2__)
#define DIFFUSE_LANES 8
#define DIFFUSE_KERNELS winograd_avx2
#include "winograd_lanes.h"
#endif
