// Matrix products in float32 on the CPU, by one of two libraries.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops::cpu {

enum class ProductEngine { kLibTorch, kOneDnn };

// This process's library: DIFFUSE_CPU_PRODUCTS, libtorch or onednn. If not set: oneDNN, if available, on
// processors with AVX-512 that are not Intel's, where LibTorch's MKL uses only AVX2; else LibTorch. Throws
// Error if the variable names one that is unavailable.
ProductEngine product_engine();

// sum = a b, or sum += a b: a [n, M, K], b [n, K, N], sum [n, M, N], or all without n; sum with contiguous
// rows, a and b with any strides.
void multiply(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, bool accumulate,
              ProductEngine engine = product_engine());

}  // namespace diffuse::ops::cpu
