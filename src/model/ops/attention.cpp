#include "attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "cpu/attention.h"
#include "cpu/processor.h"

namespace diffuse::ops {

// Without AMX, LibTorch's attention in bfloat16 spends longer on preparing the products of so few positions than float32
// on computing them: four times as long in the backward pass of 49 positions.
static bool float32_is_faster(const at::Tensor& q) {
  return q.is_cpu() && q.scalar_type() == at::kBFloat16 && q.size(1) < 128 &&
         !cpu::multiplies_bf16_matrices();
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads) {
  if (cpu::takes_attention(q)) return cpu::attention(q, k, v, heads);
  if (float32_is_faster(q)) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
    return attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), heads)
        .to(q.scalar_type());
  }
  const auto split = [heads](const at::Tensor& x) {  // -> [B, heads, N, C / heads]
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  return at::scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).flatten(2);
}

}  // namespace diffuse::ops
