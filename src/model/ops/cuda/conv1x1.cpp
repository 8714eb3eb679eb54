#include "conv1x1.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <vector>

#include "src/model/direct_gradients.h"
#include "src/model/ops/kept_weight.h"
#include "src/model/ops/pixel_rows.h"
#include "tiling.h"

namespace diffuse::ops::cuda {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// The columns of a matrix [O, I] that are a part's, from `first` on.
at::Tensor part_of(const at::Tensor& matrix, int64_t first, const at::Tensor& part) {
  return matrix.narrow(1, first, part.size(1));
}

struct Conv1x1Function : torch::autograd::Function<Conv1x1Function> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const std::optional<at::Tensor>& skip, const at::Tensor& weight) {
    const at::Tensor low = kept_weight(weight).to(x.scalar_type()).flatten(1);
    context->save_for_backward({x, or_nothing(skip), low});
    context->saved_data["direct"] = DirectGradients::of(weight);
    at::Tensor sum;
    int64_t first = 0;
    for (const at::Tensor& part : {x, or_nothing(skip)}) {
      if (!part.defined()) continue;
      const at::Tensor filters = part_of(low, first, part), rows = pixel_rows(part);
      first += part.size(1);
      RECORD_FUNCTION("diffuse::add_product", std::vector<c10::IValue>({part, filters}));
      sum = sum.defined() ? sum.addmm_(rows, filters.t()) : at::mm(rows, filters.t());
    }
    return sum;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &low = saved[2], dy = gradients[0].contiguous();
    const at::Tensor direct = context->saved_data["direct"].toTensor();
    const bool two = saved[1].defined(), of_weight = context->needs_input_grad(two ? 2 : 1);
    tensor_list result(3);
    std::vector<at::Tensor> of_parts;  // of the weight
    int64_t first = 0;
    for (size_t i = 0; i < (two ? 2 : 1); ++i) {
      const at::Tensor& part = saved[i];
      if (context->needs_input_grad(i))
        result[i] = image_of(at::mm(dy, part_of(low, first, part)), part);
      if (of_weight) of_parts.push_back(at::mm(dy.t(), pixel_rows(part)));
      if (of_weight && direct.defined())
        DirectGradients::add(part_of(direct.flatten(1), first, part), of_parts.back());
      first += part.size(1);
    }
    if (of_weight && !direct.defined())
      result[2] = at::cat(of_parts, 1).to(at::kFloat).view({low.size(0), low.size(1), 1, 1});
    return result;
  }
};

}  // namespace

at::Tensor conv1x1(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& weight) {
  return Conv1x1Function::apply(x, skip.defined() ? std::optional<at::Tensor>(skip) : std::nullopt,
                                weight);
}

}  // namespace diffuse::ops::cuda
