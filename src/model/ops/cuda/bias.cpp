#include "bias.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "src/core/cuda/kernel_launcher.h"
#include "src/model/ops/pixel_rows.h"
#include "tiling.h"

namespace diffuse::ops::cuda {
namespace {

using diffuse::cuda::KernelLauncher;
using diffuse::cuda::kernels_for;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr const char* kBiasText = "src/model/ops/cuda/kernels/bias.cuh";

// Writes h + x + bias to y, all of them [B, C, H, W] in channels_last.
void add_by_kernel(const at::Tensor& h, const at::Tensor& x, const at::Tensor& bias,
                   const at::Tensor& y) {
  if (h.numel() == 0) return;
  KernelLauncher& launcher = *kernels_for(h, kBiasText);
  const int64_t channels = h.size(1), width = column_width({channels}, {h, x, y});
  const Tiling tiling =
      tiling_of(1, h.numel() / channels, channels, width, launcher.multiprocessors(h.device()));
  diffuse::cuda::launch(
      launcher, {kBiasText, h.scalar_type()},
      {width > 1 ? "add_bias" : "add_bias_plain", {tiling.tiles * tiling.chunks, 1}}, h.device(),
      tiling, pointer(h), pointer(x), floats(bias), writable(y));
}

struct BiasFunction : torch::autograd::Function<BiasFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& h,
                            const std::optional<at::Tensor>& x,
                            const std::optional<at::Tensor>& bias) {
    context->saved_data["has_x"] = x.has_value();
    context->saved_data["has_bias"] = bias.has_value();
    const at::Tensor y = at::empty_like(h);
    add_by_kernel(h, x.value_or(at::Tensor()), bias.value_or(at::Tensor()), y);
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const at::Tensor& dy = gradients[0];
    const bool has_x = context->saved_data["has_x"].toBool();
    tensor_list result{dy, has_x ? dy : at::Tensor(), at::Tensor()};
    const size_t bias = has_x ? 2 : 1;  // its number among the inputs that there are
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(bias))
      result[2] = row_sum(pixel_rows(dy.contiguous(at::MemoryFormat::ChannelsLast)));
    return result;
  }
};

std::optional<at::Tensor> images_in(const at::Tensor& x, at::ScalarType type) {
  if (!x.defined()) return std::nullopt;
  return x.to(type).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

bool takes_bias(const at::Tensor& x) { return kernels_for(x, kBiasText) != nullptr; }

bool takes_row_sum(c10::Device device) {
  return kernels_for(device, at::kFloat, kBiasText) != nullptr;
}

at::Tensor add_bias(const at::Tensor& h, const at::Tensor& x, const at::Tensor& bias) {
  const at::Tensor images = h.contiguous(at::MemoryFormat::ChannelsLast);
  const auto more = images_in(x, h.scalar_type());
  std::optional<at::Tensor> added;
  if (bias.defined()) added = bias.to(at::kFloat).contiguous();
  if (at::GradMode::is_enabled()) return BiasFunction::apply(images, more, added);
  add_by_kernel(images, more.value_or(at::Tensor()), added.value_or(at::Tensor()), images);
  return images;
}

at::Tensor row_sum(const at::Tensor& x) {
  const at::Tensor sum = at::empty({x.size(1)}, x.options().dtype(at::kFloat));
  if (x.numel() == 0) return sum.zero_();
  KernelLauncher& launcher = *kernels_for(x, kBiasText);
  constexpr int64_t kFewRows = 1024;  // that one launch adds
  const int64_t channels = x.size(1);
  const bool few = x.size(0) <= kFewRows;
  at::Tensor parts = x;
  if (!few || x.scalar_type() != at::kFloat) {
    const int64_t width = column_width({channels}, {x});
    const int64_t multiprocessors = few ? 0 : launcher.multiprocessors(x.device());
    const Tiling tiling = tiling_of(4, x.size(0), channels, width, multiprocessors);
    parts = at::empty({tiling.chunks, channels}, sum.options());
    diffuse::cuda::launch(
        launcher, {kBiasText, x.scalar_type()},
        {width > 1 ? "row_sums" : "row_sums_plain", {tiling.tiles * tiling.chunks, 1}}, x.device(),
        tiling, pointer(x), writable_as<float>(parts));
  }
  if (parts.size(0) == 1 && !parts.is_same(x)) return parts[0];
  diffuse::cuda::launch(launcher, {kBiasText, x.scalar_type()},
                        {"add_chunks", {quotient_up(channels, 32), 1}}, x.device(), floats(parts),
                        static_cast<long long>(parts.size(0)), static_cast<long long>(channels),
                        writable_as<float>(sum));
  return sum;
}

}  // namespace diffuse::ops::cuda
