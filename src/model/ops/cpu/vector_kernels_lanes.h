// The kernels for vectors of DIFFUSE_LANES floats, DIFFUSE_KERNELS by name.
#include "product_lanes.h"
#include "vector_kernels.h"
#include "winograd_lanes.h"

namespace diffuse::ops::cpu {

extern const VectorKernels DIFFUSE_KERNELS;
const VectorKernels DIFFUSE_KERNELS{kLanes == 16  ? "AVX-512"
                                    : kLanes == 8 ? "AVX2"
                                                  : "plain",
                                    product,
                                    {input, output_gradient, products, output, filter_gradient}};

}  // namespace diffuse::ops::cpu
