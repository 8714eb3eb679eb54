#include "linear.h"

#include <ATen/ops/linear.h>

#include "cpu/linear.h"
#include "cuda/linear.h"
#include "kept_weight.h"
#include "src/model/compute_scope.h"

namespace diffuse::ops {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (cpu::replaces_linear(x, weight)) return cpu::linear(x, weight, bias);
  const at::Tensor used = kept_weight(weight);
  if (cuda::takes_linear(x, used)) return cuda::linear(x, used, bias);
  const bool low = ComputeScope::type_for(bias) != bias.scalar_type();
  return at::linear(x, used, low ? kept_weight(bias) : bias);
}

}  // namespace diffuse::ops
