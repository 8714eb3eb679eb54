// The linear map.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops {

// y = x weight' + bias:  x [..., in], weight [out, in], bias [out] -> [..., out]
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace diffuse::ops
