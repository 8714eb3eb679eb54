#include "bias.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "optional_tensors.h"
#include "src/core/cuda/kernel_launcher.h"
#include "src/model/direct_gradients.h"
#include "src/model/ops/pixel_rows.h"
#include "sums.h"
#include "tiling.h"

namespace diffuse::ops::cuda {
namespace {

using diffuse::cuda::KernelLauncher;
using diffuse::cuda::kernels_for;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr const char* kBiasText = "src/model/ops/cuda/kernels/bias.cuh";

// Writes h + x + bias + more_bias to y; images [B, C, H, W] in channels_last.
void add_by_kernel(const at::Tensor& h, const at::Tensor& x, const at::Tensor& bias,
                   const at::Tensor& more_bias, const at::Tensor& y) {
  if (h.numel() == 0) return;
  KernelLauncher& launcher = *kernels_for(h, kBiasText);
  const int64_t channels = h.size(1), width = column_width({channels}, {h, x, y});
  const Tiling tiling =
      tiling_of(1, h.numel() / channels, channels, width, launcher.multiprocessors(h.device()));
  diffuse::cuda::launch(
      launcher, {kBiasText, h.scalar_type()},
      {width > 1 ? "add_bias" : "add_bias_plain", {tiling.tiles * tiling.chunks, 1}}, h.device(),
      tiling, pointer(h), pointer(x), floats(bias), floats(more_bias), writable(y));
}

// Rows whose sum is that of x [R, C]: x itself if they are few, else float32 sums of parts.
at::Tensor few_rows(const at::Tensor& x) {
  constexpr int64_t kFewRows = 1024;  // that one launch adds
  if (x.size(0) <= kFewRows) return x;
  KernelLauncher& launcher = *kernels_for(x, kBiasText);
  const int64_t channels = x.size(1), width = column_width({channels}, {x});
  const Tiling tiling =
      tiling_of(4, x.size(0), channels, width, launcher.multiprocessors(x.device()));
  const at::Tensor parts = at::empty({tiling.chunks, channels}, x.options().dtype(at::kFloat));
  diffuse::cuda::launch(
      launcher, {kBiasText, x.scalar_type()},
      {width > 1 ? "row_sums" : "row_sums_plain", {tiling.tiles * tiling.chunks, 1}}, x.device(),
      tiling, pointer(x), writable_as<float>(parts));
  return parts;
}

at::Tensor sum_of_columns(const at::Tensor& rows) {
  const at::Tensor sum = at::empty({rows.size(1)}, rows.options().dtype(at::kFloat));
  total_columns({{rows, {sum}}}, false);
  return sum;
}

struct BiasFunction : torch::autograd::Function<BiasFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& h,
                            const std::optional<at::Tensor>& x,
                            const std::optional<at::Tensor>& bias,
                            const std::optional<at::Tensor>& more_bias) {
    context->saved_data["has_x"] = x.has_value();
    c10::List<std::optional<at::Tensor>> direct;  // of the biases that there are
    for (const auto* const b : {&bias, &more_bias}) {
      direct.push_back(std::nullopt);
      if (b->has_value()) direct.set(direct.size() - 1, DirectGradients::of(**b));
    }
    context->saved_data["direct"] = direct;
    const at::Tensor y = at::empty_like(h);
    add_by_kernel(h, or_nothing(x), or_nothing(bias), or_nothing(more_bias), y);
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const at::Tensor& dy = gradients[0];
    const bool has_x = context->saved_data["has_x"].toBool();
    const auto direct = context->saved_data["direct"].toOptionalTensorVector();
    tensor_list result{dy, has_x ? dy : at::Tensor(), at::Tensor(), at::Tensor()};
    size_t number = has_x ? 2 : 1;  // of a bias among the inputs that there are
    at::Tensor rows, sum;           // for all biases
    for (size_t i = 0; i < direct.size(); ++i) {
      if (!direct[i].has_value() || !context->needs_input_grad(number++)) continue;
      if (!rows.defined())
        rows = few_rows(pixel_rows(dy.contiguous(at::MemoryFormat::ChannelsLast)));
      if (direct[i]->defined()) {
        DirectGradients::add_columns(rows, {*direct[i]});
      } else {
        if (!sum.defined()) sum = sum_of_columns(rows);
        result[2 + i] = sum;
      }
    }
    return result;
  }
};

}  // namespace

bool takes_bias(const at::Tensor& x) {
  return kernels_for(x, kBiasText) != nullptr && takes_row_sum(x.device()) &&
         takes_column_totals(x.device(), x.scalar_type());
}

bool takes_row_sum(c10::Device device) {
  return kernels_for(device, at::kFloat, kBiasText) != nullptr &&
         takes_column_totals(device, at::kFloat);
}

at::Tensor add_bias(const at::Tensor& h, const at::Tensor& x, const at::Tensor& bias,
                    const at::Tensor& more_bias) {
  const at::Tensor images = h.contiguous(at::MemoryFormat::ChannelsLast);
  const auto more = images_in(x, h.scalar_type());
  const auto floats_of = [](const at::Tensor& b) -> std::optional<at::Tensor> {
    if (!b.defined()) return std::nullopt;
    return b.to(at::kFloat).contiguous();
  };
  const auto first = floats_of(bias), second = floats_of(more_bias);
  if (at::GradMode::is_enabled()) return BiasFunction::apply(images, more, first, second);
  add_by_kernel(images, or_nothing(more), or_nothing(first), or_nothing(second), images);
  return images;
}

at::Tensor row_sum(const at::Tensor& x) { return sum_of_columns(few_rows(x)); }

void add_row_sum(const at::Tensor& x, const std::vector<at::Tensor>& gradients) {
  DirectGradients::add_columns(few_rows(x), gradients);
}

}  // namespace diffuse::ops::cuda
