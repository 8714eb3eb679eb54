#include "residual_conv.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <vector>

#include "product.h"
#include "src/model/ops/pixel_rows.h"

namespace diffuse::ops::cpu {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

void add_products_to(const at::Tensor& h, const at::Tensor& x, const at::Tensor& skip,
                     const at::Tensor& weight) {
  for_parts(x, skip, weight.flatten(1),
            [&](const at::Tensor& part, size_t, const at::Tensor& filters) {
              RECORD_FUNCTION("diffuse::add_product", std::vector<c10::IValue>({part, filters}));
              multiply(pixel_rows(h), pixel_rows(part), filters.t(), true);
            });
}

struct ResidualConvFunction : torch::autograd::Function<ResidualConvFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& h, const at::Tensor& x,
                            const std::optional<at::Tensor>& skip, const at::Tensor& weight) {
    context->save_for_backward({x, skip.value_or(at::Tensor()), weight});
    context->mark_dirty({h});
    add_products_to(h, x, skip.value_or(at::Tensor()), weight);
    return h;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &skip = saved[1], &weight = saved[2];
    const at::Tensor up = pixel_rows(gradients[0].contiguous(at::MemoryFormat::ChannelsLast));
    const at::Tensor matrix = weight.flatten(1);
    at::Tensor dparts[2];
    for_parts(x, skip, matrix, [&](const at::Tensor& part, size_t i, const at::Tensor& filters) {
      const at::Tensor drows = at::empty({up.size(0), part.size(1)}, up.options());
      multiply(drows, up, filters, false);
      dparts[i] = image_of(drows, part);
    });
    if (!context->needs_input_grad(
            skip.defined() ? 3 : 2))  // its number among the inputs that there are
      return {gradients[0], dparts[0], dparts[1], at::Tensor()};
    const at::Tensor dmatrix = at::empty_like(matrix);
    for_parts(x, skip, dmatrix, [&](const at::Tensor& part, size_t, const at::Tensor& dfilters) {
      multiply(dfilters, up.t(), pixel_rows(part), false);
    });
    return {gradients[0], dparts[0], dparts[1], dmatrix.view(weight.sizes())};
  }
};

}  // namespace

bool takes_residual_conv(const at::Tensor& h, const at::Tensor& x, const at::Tensor& weight) {
  const auto fits = [](const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat; };
  return fits(h) && fits(x) && fits(weight) && !at::autocast::is_autocast_enabled(at::kCPU) &&
         h.is_contiguous(at::MemoryFormat::ChannelsLast) && !(h.is_leaf() && h.requires_grad());
}

at::Tensor residual_conv1x1(const at::Tensor& h, const at::Tensor& x, const at::Tensor& skip,
                            const at::Tensor& weight) {
  if (!at::GradMode::is_enabled()) {
    add_products_to(h, x, skip, weight);
    return h;
  }
  return ResidualConvFunction::apply(h, x, skip.defined() ? std::optional(skip) : std::nullopt,
                                     weight);
}

}  // namespace diffuse::ops::cpu
