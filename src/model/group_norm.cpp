#include "diffuse/model/group_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "group_norm_kernel.h"

namespace diffuse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Row b of a per-channel table [C] or [B, C]; null where it is undefined.
const float* row(const at::Tensor& table, int64_t b) {
  if (!table.defined()) return nullptr;
  return table.const_data_ptr<float>() + (table.dim() == 2 ? b * table.size(1) : 0);
}

// Calls `work` with each image of a batch, on all threads.
template <class Work>
void for_images(const at::Tensor& x, int64_t groups, const at::Tensor& weight,
                const at::Tensor& bias, const at::Tensor& shift, bool silu, const Work& work) {
  const int64_t pixels = x.size(2) * x.size(3), channels = x.size(1);
  const float* const data = x.const_data_ptr<float>();
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      work(b, NormImage{pixels, channels, groups, data + b * pixels * channels, row(shift, b),
                        row(weight, b), row(bias, b), silu});
  });
}

struct GroupNormFunction : torch::autograd::Function<GroupNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, int64_t groups,
                            const at::Tensor& weight_in, const at::Tensor& bias_in, double eps,
                            bool silu, const std::optional<at::Tensor>& shift_in) {
    const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor weight = weight_in.contiguous(), bias = bias_in.contiguous(),
                     shift = shift_in ? shift_in->contiguous() : at::Tensor();
    const int64_t batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
    const at::Tensor statistics = at::empty({2, batch, channels}, x.options());
    const at::Tensor y = at::empty_like(x, x.options(), at::MemoryFormat::ChannelsLast);
    float* const mean = statistics.mutable_data_ptr<float>();
    float* const rstd = mean + batch * channels;
    float* const out = y.mutable_data_ptr<float>();
    for_images(x, groups, weight, bias, shift, silu, [&](int64_t b, const NormImage& image) {
      const int64_t at = b * channels;
      norm_statistics(image, static_cast<float>(eps), mean + at, rstd + at);
      norm_apply(image, mean + at, rstd + at, out + at * pixels);
    });
    context->save_for_backward({x, weight, bias, shift, statistics});
    context->saved_data["groups"] = groups;
    context->saved_data["silu"] = silu;
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &shift = saved[3];
    const int64_t batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
    const at::Tensor dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor dx = at::empty_like(x, x.options(), at::MemoryFormat::ChannelsLast);
    const at::Tensor tables = at::empty({3, batch, channels}, x.options());
    const float* const mean = saved[4].const_data_ptr<float>();
    const float* const rstd = mean + batch * channels;
    const float* const up = dy.const_data_ptr<float>();
    float* const out = dx.mutable_data_ptr<float>();
    float* const table = tables.mutable_data_ptr<float>();
    for_images(x, context->saved_data["groups"].toInt(), weight, bias, shift,
               context->saved_data["silu"].toBool(), [&](int64_t b, const NormImage& image) {
                 const int64_t at = b * channels, all = batch * channels;
                 norm_gradient(image, mean + at, rstd + at, up + at * pixels, out + at * pixels,
                               table + at, table + all + at, table + 2 * all + at);
               });
    const auto like = [](const at::Tensor& gradient, const at::Tensor& parameter) {
      return parameter.dim() == 2 ? gradient : gradient.sum(0);
    };
    return {dx,
            at::Tensor(),
            like(tables[0], weight),
            like(tables[1], bias),
            at::Tensor(),
            at::Tensor(),
            shift.defined() ? tables[2] : at::Tensor()};
  }
};

// [C] or [B, C] -> [1 or B, C, 1, 1]
at::Tensor per_pixel(const at::Tensor& table) {
  return table.view({table.dim() == 2 ? table.size(0) : 1, -1, 1, 1});
}

at::Tensor by_operators(const at::Tensor& x, int64_t groups, const at::Tensor& weight,
                        const at::Tensor& bias, double eps, bool silu, const at::Tensor& shift) {
  const at::Tensor in = shift.defined() ? x + per_pixel(shift).to(x.scalar_type()) : x;
  const bool per_image = weight.dim() == 2;
  at::Tensor y = per_image ? at::group_norm(in, groups, {}, {}, eps)
                           : at::group_norm(in, groups, weight, bias, eps);
  if (per_image) y = at::addcmul(per_pixel(bias), y, per_pixel(weight)).to(x.scalar_type());
  return silu ? at::silu(y) : y;
}

}  // namespace

at::Tensor group_norm(const at::Tensor& x, int64_t groups, const at::Tensor& weight,
                      const at::Tensor& bias, double eps, Activation activation,
                      const at::Tensor& shift) {
  const bool silu = activation == Activation::kSilu;
  if (!x.is_cpu() || weight.scalar_type() != at::kFloat)
    return by_operators(x, groups, weight, bias, eps, silu, shift);
  std::optional<at::Tensor> wide_shift;
  if (shift.defined()) wide_shift = shift.to(at::kFloat);
  return GroupNormFunction::apply(x.to(at::kFloat), groups, weight, bias, eps, silu, wide_shift)
      .to(x.scalar_type());
}

}  // namespace diffuse
