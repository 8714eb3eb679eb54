#include "group_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "group_norm_kernel.h"

namespace diffuse::ops::cpu {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Row b of a per-channel table [C] or [B, C]; null where it is undefined.
const float* row(const at::Tensor& table, int64_t b) {
  if (!table.defined()) return nullptr;
  return table.const_data_ptr<float>() + (table.dim() == 2 ? b * table.size(1) : 0);
}

// Images [B, C, H, W], and further channels of theirs or undefined, both in the channels_last layout.
struct Joined {
  at::Tensor x, skip;
  int64_t channels() const { return x.size(1) + (skip.defined() ? skip.size(1) : 0); }
  int64_t pixels() const { return x.size(2) * x.size(3); }
};

// Calls `work` with each image of a batch, on all threads.
template <class Work>
void for_images(const Joined& in, int64_t groups, const at::Tensor& weight, const at::Tensor& bias,
                const at::Tensor& shift, bool silu, const Work& work) {
  const int64_t pixels = in.pixels(), channels = in.channels();
  const int64_t width = in.x.size(1), rest = channels - width;
  const float* const x = in.x.const_data_ptr<float>();
  const float* const skip = in.skip.defined() ? in.skip.const_data_ptr<float>() : nullptr;
  at::parallel_for(0, in.x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      work(b,
           NormImage{pixels,
                     channels,
                     groups,
                     {{x + b * pixels * width, 0, width}, {skip + b * pixels * rest, width, rest}},
                     row(shift, b),
                     row(weight, b),
                     row(bias, b),
                     silu});
  });
}

at::Tensor or_undefined(const std::optional<at::Tensor>& tensor, at::MemoryFormat format) {
  return tensor ? tensor->contiguous(format) : at::Tensor();
}

struct GroupNormFunction : torch::autograd::Function<GroupNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_in, int64_t groups,
                            const at::Tensor& weight_in, const at::Tensor& bias_in, double eps,
                            bool silu, const std::optional<at::Tensor>& shift_in,
                            const std::optional<at::Tensor>& skip_in) {
    const Joined in{x_in.contiguous(at::MemoryFormat::ChannelsLast),
                    or_undefined(skip_in, at::MemoryFormat::ChannelsLast)};
    const at::Tensor weight = weight_in.contiguous(), bias = bias_in.contiguous(),
                     shift = or_undefined(shift_in, at::MemoryFormat::Contiguous);
    const int64_t batch = in.x.size(0), channels = in.channels(), pixels = in.pixels();
    const at::Tensor statistics = at::empty({2, batch, channels}, in.x.options());
    const at::Tensor y = at::empty({batch, channels, in.x.size(2), in.x.size(3)},
                                   in.x.options().memory_format(at::MemoryFormat::ChannelsLast));
    float* const mean = statistics.mutable_data_ptr<float>();
    float* const rstd = mean + batch * channels;
    float* const out = y.mutable_data_ptr<float>();
    for_images(in, groups, weight, bias, shift, silu, [&](int64_t b, const NormImage& image) {
      const int64_t at = b * channels;
      norm_statistics(image, static_cast<float>(eps), mean + at, rstd + at);
      norm_apply(image, mean + at, rstd + at, out + at * pixels);
    });
    context->save_for_backward({in.x, weight, bias, shift, statistics, in.skip});
    context->saved_data["groups"] = groups;
    context->saved_data["silu"] = silu;
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &weight = saved[1], &bias = saved[2], &shift = saved[3];
    const Joined in{saved[0], saved[5]};
    const int64_t batch = in.x.size(0), channels = in.channels(), pixels = in.pixels();
    const int64_t width = in.x.size(1), rest = channels - width;
    const at::Tensor dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor dx = at::empty_like(in.x),
                     dskip = rest > 0 ? at::empty_like(in.skip) : at::Tensor();
    const at::Tensor tables = at::empty({3, batch, channels}, in.x.options());
    const float* const mean = saved[4].const_data_ptr<float>();
    const float* const rstd = mean + batch * channels;
    const float* const up = dy.const_data_ptr<float>();
    float* const x_out = dx.mutable_data_ptr<float>();
    float* const skip_out = rest > 0 ? dskip.mutable_data_ptr<float>() : nullptr;
    float* const table = tables.mutable_data_ptr<float>();
    for_images(in, context->saved_data["groups"].toInt(), weight, bias, shift,
               context->saved_data["silu"].toBool(), [&](int64_t b, const NormImage& image) {
                 const int64_t at = b * channels, all = batch * channels;
                 float* const parts[2] = {x_out + b * pixels * width, skip_out + b * pixels * rest};
                 norm_gradient(image, mean + at, rstd + at, up + at * pixels, parts, table + at,
                               table + all + at, table + 2 * all + at);
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
            shift.defined() ? like(tables[2], shift) : at::Tensor(),
            dskip};
  }
};

}  // namespace

at::Tensor group_norm(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& shift,
                      const at::Tensor& weight, const at::Tensor& bias, int64_t groups, double eps,
                      bool silu) {
  const auto wide = [](const at::Tensor& tensor) -> std::optional<at::Tensor> {
    return tensor.defined() ? std::optional(tensor.to(at::kFloat)) : std::nullopt;
  };
  return GroupNormFunction::apply(x.to(at::kFloat), groups, weight, bias, eps, silu, wide(shift),
                                  wide(skip))
      .to(x.scalar_type());
}

}  // namespace diffuse::ops::cpu
