#include "linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "bias.h"
#include "src/model/direct_gradients.h"
#include "src/model/ops/kept_weight.h"

namespace diffuse::ops::cuda {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// The maps of one x by several weights and biases.
struct KernelLinear : torch::autograd::Function<KernelLinear> {
  static tensor_list forward(AutogradContext* context, const at::Tensor& x, at::TensorList weights,
                             at::TensorList biases) {
    context->set_materialize_grads(false);
    tensor_list saved{x}, y;
    c10::List<at::Tensor> direct;
    for (size_t i = 0; i < weights.size(); ++i) {
      saved.push_back(weights[i]);
      direct.push_back(DirectGradients::of(biases[i]));
      y.push_back(at::linear(x, weights[i], kept_weight(biases[i]).to(x.scalar_type())));
    }
    context->save_for_backward(saved);
    context->saved_data["direct"] = direct;
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const auto direct = context->saved_data["direct"].toTensorVector();
    const size_t count = gradients.size();
    tensor_list result(1 + 2 * count);
    for (size_t i = 0; i < count; ++i) {
      if (!gradients[i].defined()) continue;
      const at::Tensor& weight = saved[1 + i];
      const at::Tensor dy = gradients[i].reshape({-1, weight.size(0)}),  // a row for each of x
          rows = x.reshape({-1, weight.size(1)});
      if (context->needs_input_grad(0))
        result[0] = result[0].defined() ? result[0].addmm_(dy, weight) : at::mm(dy, weight);
      if (context->needs_input_grad(1 + i)) result[1 + i] = at::mm(dy.t(), rows);
      if (!context->needs_input_grad(1 + count + i)) continue;
      if (direct[i].defined())
        add_row_sum(dy.contiguous(), {direct[i]});
      else
        result[1 + count + i] = row_sum(dy.contiguous());
    }
    if (result[0].defined()) result[0] = result[0].view(x.sizes());
    return result;
  }
};

}  // namespace

bool takes_linear(const at::Tensor& x, const at::Tensor& weight) {
  return x.scalar_type() == weight.scalar_type() && takes_bias(x) &&
         !at::autocast::is_autocast_enabled(x.device().type());
}

std::vector<at::Tensor> linear(const at::Tensor& x, const std::vector<at::Tensor>& weights,
                               const std::vector<at::Tensor>& biases) {
  return KernelLinear::apply(x, at::TensorList(weights), at::TensorList(biases));
}

}  // namespace diffuse::ops::cuda
