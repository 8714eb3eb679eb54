// Who multiplies matrices on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace diffuse {

// "libtorch" or "onednn 2.6.3": what multiplies float32 matrices of networks on the CPU, the same for all of
// a process. The environment's DIFFUSE_CPU_PRODUCTS=libtorch|onednn decides, else the processor. Throws Error
// where the variable names none that is there.
std::string cpu_products();

// a b by it: float32 [M, K] and [K, N] -> [M, N]. No gradients.
at::Tensor cpu_product(const at::Tensor& a, const at::Tensor& b);

}  // namespace diffuse
