#include "recompute.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <mutex>

#include "src/model/compute_scope.h"
#include "src/model/dropout_scope.h"

namespace diffuse {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

namespace {

struct KeptBlock : torch::CustomClassHolder {
  KeptBlock(const Block& b, c10::Device device)
      : block(b),
        dropout(DropoutScope::current()),
        rows(DropoutScope::rows_on(device)),
        type(ComputeScope::type()) {}
  Block block;
  DropoutScope::Keys dropout;
  at::Tensor rows;
  c10::ScalarType type;
};

at::Tensor generator_state(c10::Device device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(c10::Device device, const at::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

c10::ScalarType autocast_type(c10::Device device) {
  const c10::DeviceType type = device.type();
  return at::autocast::is_autocast_enabled(type) ? at::autocast::get_autocast_dtype(type)
                                                 : c10::kFloat;
}

struct RecomputeFunction : torch::autograd::Function<RecomputeFunction> {
  static at::Tensor forward(AutogradContext* context, const Block& block, const at::Tensor& h,
                            const at::Tensor& time, const std::optional<at::Tensor>& skip) {
    context->save_for_backward({h, time, skip.value_or(at::Tensor())});
    context->saved_data["block"] =
        c10::IValue::make_capsule(c10::make_intrusive<KeptBlock>(block, h.device()));
    context->saved_data["random"] = generator_state(h.device());
    context->saved_data["autocast"] = autocast_type(h.device());
    return block(h, time, skip.value_or(at::Tensor()));  // gradients are off in here
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    tensor_list inputs = context->get_saved_variables();
    for (at::Tensor& input : inputs)
      if (input.defined()) input = input.detach().requires_grad_();
    const auto kept =
        c10::static_intrusive_pointer_cast<KeptBlock>(context->saved_data["block"].toCapsule());
    const c10::Device device = inputs[0].device();
    const at::Tensor random = generator_state(device);
    set_generator_state(device, context->saved_data["random"].toTensor());
    at::Tensor output;
    {
      const at::AutoGradMode enabled(true);
      const DropoutScope scope(kept->dropout, kept->rows);
      const ComputeScope compute(kept->type);
      const AutocastScope autocast(device, context->saved_data["autocast"].toScalarType());
      output = kept->block(inputs[0], inputs[1], inputs[2]);
    }
    set_generator_state(device, random);
    torch::autograd::backward({output}, {gradients[0]});
    tensor_list result{at::Tensor()};
    for (const at::Tensor& input : inputs)
      result.push_back(input.defined() ? input.grad() : at::Tensor());
    return result;
  }
};

}  // namespace

at::Tensor recomputed(const Block& block, const at::Tensor& h, const at::Tensor& time,
                      const at::Tensor& skip) {
  const auto needed = [](const at::Tensor& x) { return x.defined() && x.requires_grad(); };
  // Behind frozen layers the block's parameters alone may want gradients, which the function cannot see.
  if (!at::GradMode::is_enabled() || !(needed(h) || needed(time) || needed(skip)))
    return block(h, time, skip);
  std::optional<at::Tensor> given;
  if (skip.defined()) given = skip;
  return RecomputeFunction::apply(block, h, time, given);
}

}  // namespace diffuse
