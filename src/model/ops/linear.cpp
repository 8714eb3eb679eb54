#include "linear.h"

#include <ATen/ops/linear.h>

#include "cpu/linear.h"
#include "cuda/bias.h"
#include "cuda/linear.h"
#include "kept_weight.h"
#include "src/model/compute_scope.h"

namespace diffuse::ops {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (cpu::replaces_linear(x, weight)) return cpu::linear(x, weight, bias);
  const at::Tensor used = kept_weight(weight);
  if (cuda::takes_linear(x, used)) return cuda::linear(x, {used}, {bias})[0];
  const bool low = ComputeScope::type_for(bias) != bias.scalar_type();
  return at::linear(x, used, low ? kept_weight(bias) : bias);
}

std::vector<at::Tensor> linears(const at::Tensor& x, const std::vector<at::Tensor>& weights,
                                const std::vector<at::Tensor>& biases) {
  std::vector<at::Tensor> used, results;
  if (cuda::takes_bias(x))
    for (const at::Tensor& weight : weights) used.push_back(kept_weight(weight));
  if (!used.empty() && cuda::takes_linear(x, used[0])) return cuda::linear(x, used, biases);
  for (size_t i = 0; i < weights.size(); ++i) results.push_back(linear(x, weights[i], biases[i]));
  return results;
}

}  // namespace diffuse::ops
