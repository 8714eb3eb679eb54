// The linear map whose bias gradient the GPU kernels sum.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops::cuda {

// Whether the kernels exist for x, and matrix products take it and the weight as they are.
bool takes_linear(const at::Tensor& x, const at::Tensor& weight);

// y = x weight' + bias: x [..., in], weight [out, in] of x's dtype, bias [out] of any -> [..., out]. Products are
// LibTorch's; the bias's gradient is a sum in float32. Differentiable.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace diffuse::ops::cuda
