// Dropout.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse::ops {

struct Dropout {
  double p = 0;        // probability of a zero
  uint32_t layer = 0;  // the layer's number among the network's dropout layers
};

// y = h m / (1 - p), each number of m 0 with probability p and else 1; h [B, C, H, W] [Srivastava14]
// In a DropoutScope on the CPU or by GPU kernels, channel c of pixel (y, x) uses word (y W + x) C + c of stream
// (key of the row, kDropout, step `layer`); elsewhere LibTorch's generator is used. Throws if the scope has a
// different number of rows.
at::Tensor dropout(const at::Tensor& h, const Dropout& options);

// The keys of the rows of h as GPU kernels read them; undefined outside of a DropoutScope and where there are no
// kernels for h.
at::Tensor dropout_rows(const at::Tensor& h);

}  // namespace diffuse::ops
