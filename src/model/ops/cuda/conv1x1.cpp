#include "conv1x1.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <vector>

#include "optional_tensors.h"
#include "src/model/direct_gradients.h"
#include "src/model/ops/kept_weight.h"
#include "src/model/ops/pixel_rows.h"

namespace diffuse::ops::cuda {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct Conv1x1Function : torch::autograd::Function<Conv1x1Function> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const std::optional<at::Tensor>& skip, const at::Tensor& weight) {
    const at::Tensor low = kept_weight(weight).to(x.scalar_type()).flatten(1);
    context->save_for_backward({x, or_nothing(skip), low});
    context->saved_data["direct"] = DirectGradients::of(weight);
    at::Tensor sum;
    for_parts(x, or_nothing(skip), low,
              [&](const at::Tensor& part, size_t, const at::Tensor& filters) {
                RECORD_FUNCTION("diffuse::add_product", std::vector<c10::IValue>({part, filters}));
                const at::Tensor rows = pixel_rows(part);
                sum = sum.defined() ? sum.addmm_(rows, filters.t()) : at::mm(rows, filters.t());
              });
    return sum;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &skip = saved[1], &low = saved[2];
    const at::Tensor dy = gradients[0].contiguous();
    tensor_list result(3);
    for_parts(x, skip, low, [&](const at::Tensor& part, size_t i, const at::Tensor& filters) {
      if (context->needs_input_grad(i)) result[i] = image_of(at::mm(dy, filters), part);
    });
    if (!context->needs_input_grad(
            skip.defined() ? 2 : 1))  // its number among the inputs that there are
      return result;
    const at::Tensor direct = context->saved_data["direct"].toTensor();
    const at::Tensor dmatrix = direct.defined()
                                   ? direct.flatten(1)
                                   : at::empty(low.sizes(), low.options().dtype(at::kFloat));
    for_parts(x, skip, dmatrix, [&](const at::Tensor& part, size_t, const at::Tensor& dfilters) {
      const at::Tensor product = at::mm(dy.t(), pixel_rows(part));
      direct.defined() ? DirectGradients::add(dfilters, product) : void(dfilters.copy_(product));
    });
    if (!direct.defined()) result[2] = dmatrix.view({low.size(0), low.size(1), 1, 1});
    return result;
  }
};

}  // namespace

at::Tensor conv1x1(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& weight) {
  return Conv1x1Function::apply(x, if_defined(skip), weight);
}

}  // namespace diffuse::ops::cuda
