// Sums with a bias, and bias gradients, by the GPU kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace diffuse::ops::cuda {

// Whether kernels exist for x [B, C, H, W] or [R, C].
bool takes_bias(const at::Tensor& x);

// y = h + x + bias + more_bias: h and x [B, C, H, W], both biases [C] -> h's dtype in channels_last. All but h may
// be undefined. Without gradients it may overwrite h. Differentiable; a bias's gradient is a sum in float32.
at::Tensor add_bias(const at::Tensor& h, const at::Tensor& x, const at::Tensor& bias,
                    const at::Tensor& more_bias = {});

// Whether kernels exist for row_sum() of float32.
bool takes_row_sum(c10::Device device);

// x [R, C], contiguous -> the sum of its rows [C] in float32, added in a fixed order.
at::Tensor row_sum(const at::Tensor& x);

// The same, added to gradients that DirectGradients gave: of as many neighbouring columns each, at most three; where
// one is undefined its columns are left out.
void add_row_sum(const at::Tensor& x, const std::vector<at::Tensor>& gradients);

}  // namespace diffuse::ops::cuda
