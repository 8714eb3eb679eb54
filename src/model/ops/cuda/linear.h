// Linear maps whose bias gradients the GPU kernels sum.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace diffuse::ops::cuda {

// Whether the kernels exist for x, and matrix products take it and the weight as they are.
bool takes_linear(const at::Tensor& x, const at::Tensor& weight);

// y = x weight' + bias for each weight and its bias: x [..., in], weights [out, in] of x's dtype, biases [out] of
// any -> [..., out]. Products are LibTorch's, which also add up x's gradient; a bias's gradient is a sum in float32.
// Differentiable.
std::vector<at::Tensor> linear(const at::Tensor& x, const std::vector<at::Tensor>& weights,
                               const std::vector<at::Tensor>& biases);

}  // namespace diffuse::ops::cuda
