// The linear map on the CPU by multiply().
#pragma once

#include <ATen/core/Tensor.h>

#include "product.h"

namespace diffuse::ops::cpu {

// True where linear() is to be used: float32 on the CPU, no autocast, and LibTorch's operator would use
// another library than product_engine().
bool replaces_linear(const at::Tensor& x, const at::Tensor& weight);

// x weight' + bias:  x [..., in], weight [out, in], bias [out] -> [..., out]. Differentiable.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  ProductEngine engine = product_engine());

}  // namespace diffuse::ops::cpu
