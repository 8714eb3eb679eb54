// Matrix products in float32 on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include "product_kernel.h"

namespace diffuse::ops::cpu {

enum class ProductEngine { kLibTorch, kOwn };

// Who multiplies in this process: DIFFUSE_CPU_PRODUCTS, libtorch or diffuse. If not set: this program's own loops on
// processors with AVX-512 that are not Intel's, where LibTorch's MKL uses only AVX2; else LibTorch. Throws Error if
// the variable has another value.
ProductEngine product_engine();

// c = a b + bias, or c += a b: a [M, K], b [K, N], c [M, N]; c with contiguous rows, a and b with any strides.
// bias: [N], or undefined = 0; not together with `accumulate`.
void multiply(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate,
              const at::Tensor& bias = {}, ProductEngine engine = product_engine());

// The same by a kernel of this program. Values do not depend on the number of threads.
void multiply_by(ProductKernel& kernel, const at::Tensor& c, const at::Tensor& a,
                 const at::Tensor& b, bool accumulate, const at::Tensor& bias);

}  // namespace diffuse::ops::cpu
