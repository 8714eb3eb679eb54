// Attention on the CPU by this program's own products.
#pragma once

#include <ATen/core/Tensor.h>

#include "vector_kernels.h"

namespace diffuse::ops::cpu {

// True where attention() is to be used: float32 on the CPU in inference mode, without autocast, and products are this
// program's own.
bool takes_attention(const at::Tensor& q);

// As ops::attention. Not differentiable. An item's values depend neither on the batch nor on the number of threads.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                     const VectorKernels& kernels = vector_kernels());

}  // namespace diffuse::ops::cpu
