#include "linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

namespace diffuse::ops::cpu {

bool replaces_linear(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
         !at::autocast::is_autocast_enabled(at::kCPU) &&
         product_engine() != ProductEngine::kLibTorch;
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// x [R, in] -> [R, out]
at::Tensor forward_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          ProductEngine engine) {
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  multiply(y, x, weight.t(), false, bias, engine);
  return y;
}

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, int64_t engine) {
    context->save_for_backward({x, weight});
    context->saved_data["engine"] = engine;
    return forward_linear(x, weight, bias, static_cast<ProductEngine>(engine));
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], dy = gradients[0].contiguous();
    const auto engine = static_cast<ProductEngine>(context->saved_data["engine"].toInt());
    at::Tensor dx, dweight, dbias;
    if (context->needs_input_grad(1)) {
      dweight = at::empty(weight.sizes(), weight.options());
      multiply(dweight, dy.t(), x, false, {}, engine);
    }
    if (context->needs_input_grad(2)) dbias = dy.sum(0);
    if (context->needs_input_grad(0)) {
      dx = at::empty(x.sizes(), x.options());
      multiply(dx, dy, weight, false, {}, engine);
    }
    return {dx, dweight, dbias, at::Tensor()};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  ProductEngine engine) {
  RECORD_FUNCTION("diffuse::linear", std::vector<c10::IValue>({x, weight}));
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  if (!at::GradMode::is_enabled()) return forward_linear(rows, weight, bias, engine).view(shape);
  return LinearFunction::apply(rows, weight, bias, static_cast<int64_t>(engine)).view(shape);
}

}  // namespace diffuse::ops::cpu
