// Matrix products in float32 on the CPU, by one of two libraries.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops::cpu {

enum class ProductEngine { kLibTorch, kOneDnn };

// The library of this process: what DIFFUSE_CPU_PRODUCTS says, libtorch or onednn. Without: oneDNN, where
// it is there, on processors with AVX-512 that are not Intel's, of which LibTorch's MKL uses AVX2 alone;
// else LibTorch. Throws Error where the variable names none that is there.
ProductEngine product_engine();

// sum = a b, or sum += a b: a [n, M, K], b [n, K, N], sum [n, M, N], or all without n; rows of sum in one
// piece, a and b of any strides.
void multiply(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, bool accumulate,
              ProductEngine engine = product_engine());

}  // namespace diffuse::ops::cpu
