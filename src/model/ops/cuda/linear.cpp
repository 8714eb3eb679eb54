#include "linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "bias.h"

namespace diffuse::ops::cuda {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct KernelLinear : torch::autograd::Function<KernelLinear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    context->save_for_backward({x, weight});
    return at::linear(x, weight, bias.to(x.scalar_type()));
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor dy = gradients[0].reshape({-1, weight.size(0)});  // a row for each of x
    tensor_list result(3);
    if (context->needs_input_grad(0)) result[0] = at::mm(dy, weight).view(x.sizes());
    if (context->needs_input_grad(1)) result[1] = at::mm(dy.t(), x.reshape({-1, weight.size(1)}));
    if (context->needs_input_grad(2)) result[2] = row_sum(dy.contiguous());
    return result;
  }
};

}  // namespace

bool takes_linear(const at::Tensor& x, const at::Tensor& weight) {
  return x.scalar_type() == weight.scalar_type() && takes_bias(x) &&
         !at::autocast::is_autocast_enabled(x.device().type());
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return KernelLinear::apply(x, weight, bias.to(at::kFloat));
}

}  // namespace diffuse::ops::cuda
