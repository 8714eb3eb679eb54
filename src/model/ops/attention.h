// Attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse::ops {

// y = softmax(q k' / sqrt(C / heads)) v in each of `heads` equal parts of the channels:
// q, k, v [B, N, C] -> [B, N, C]                                          [Vaswani17] eq. 1
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads);

}  // namespace diffuse::ops
