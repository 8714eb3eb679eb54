// What computes on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace diffuse {

// "libtorch" or "diffuse", this program's own loops: who computes float32 matrix products of networks on the CPU, the
// same in all of a process. Set by the environment variable DIFFUSE_CPU_PRODUCTS=libtorch|diffuse, else chosen by the
// processor. Throws Error if the variable has another value.
std::string cpu_products();

// "AVX-512", "AVX2" or "plain": the vectors of this program's own loops, those of 3x3 convolutions among them.
std::string cpu_vectors();

// a b by the same: float32 [M, K] and [K, N] -> [M, N]. No gradients.
at::Tensor cpu_product(const at::Tensor& a, const at::Tensor& b);

}  // namespace diffuse
