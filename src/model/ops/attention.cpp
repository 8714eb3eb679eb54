#include "attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

namespace diffuse::ops {

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads) {
  const auto split = [heads](const at::Tensor& x) {  // -> [B, heads, N, C / heads]
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  return at::scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).flatten(2);
}

}  // namespace diffuse::ops
