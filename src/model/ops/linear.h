// Linear maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace diffuse::ops {

// y = x weight' + bias:  x [..., in], weight [out, in], bias [out] -> [..., out]
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// The same for several weights and biases.
std::vector<at::Tensor> linears(const at::Tensor& x, const std::vector<at::Tensor>& weights,
                                const std::vector<at::Tensor>& biases);

}  // namespace diffuse::ops
