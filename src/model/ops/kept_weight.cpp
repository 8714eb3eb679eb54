#include "kept_weight.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "src/model/compute_scope.h"
#include "src/model/direct_gradients.h"
#include "src/model/weight_cache.h"

namespace diffuse::ops {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// `values`, the weight's in some precision, in the place of the weight.
struct StandInFunction : torch::autograd::Function<StandInFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& weight,
                            const at::Tensor& values) {
    context->saved_data["direct"] = DirectGradients::of(weight);
    return values.detach();
  }
  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const at::Tensor direct = context->saved_data["direct"].toTensor();
    if (!direct.defined()) return {gradients[0].to(at::kFloat), at::Tensor()};
    DirectGradients::add(direct, gradients[0]);
    return {at::Tensor(), at::Tensor()};
  }
};

}  // namespace

static at::Tensor low_copy(const at::Tensor& weight, at::ScalarType type, WeightCache* cache) {
  const auto convert = [&] { return weight.detach().to(type); };
  if (cache == nullptr) return convert();
  at::Tensor& kept = (*cache)[weight.const_data_ptr()];
  if (!kept.defined()) kept = convert();
  return kept;
}

at::Tensor kept_weight(const at::Tensor& weight) {
  WeightCache* const cache = WeightCacheScope::current();
  if (const at::ScalarType type = ComputeScope::type_for(weight); type != weight.scalar_type()) {
    const at::Tensor low = low_copy(weight, type, cache);
    return at::GradMode::is_enabled() && weight.requires_grad()
               ? StandInFunction::apply(weight, low)
               : low;
  }
  if (at::GradMode::is_enabled() && DirectGradients::of(weight).defined())
    return StandInFunction::apply(weight, weight.detach());
  const at::DeviceType device = weight.device().type();
  if (cache == nullptr || !at::autocast::is_autocast_enabled(device)) return weight;
  at::Tensor& kept = (*cache)[weight.const_data_ptr()];
  if (!kept.defined()) kept = weight.to(at::autocast::get_autocast_dtype(device));
  return kept;
}

at::Tensor in_compute_type(const at::Tensor& x) {
  return x.defined() ? x.to(ComputeScope::type_for(x)) : x;
}

}  // namespace diffuse::ops
