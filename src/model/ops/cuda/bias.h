// Sums with a bias, and bias gradients, by the GPU kernels.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops::cuda {

// Whether kernels exist for x [B, C, H, W] or [R, C].
bool takes_bias(const at::Tensor& x);

// y = h + x + bias: h and x [B, C, H, W], bias [C] -> h's dtype in channels_last. x and bias may be undefined.
// Without gradients it may overwrite h. Differentiable; the bias's gradient is a sum in float32.
at::Tensor add_bias(const at::Tensor& h, const at::Tensor& x, const at::Tensor& bias);

// Whether kernels exist for row_sum() of float32.
bool takes_row_sum(c10::Device device);

// x [R, C], contiguous -> the sum of its rows [C] in float32, added in a fixed order.
at::Tensor row_sum(const at::Tensor& x);

}  // namespace diffuse::ops::cuda
