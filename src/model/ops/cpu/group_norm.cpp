#include "group_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <utility>

#include "group_norm_kernel.h"

namespace diffuse::ops::cpu {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Row b of a per-channel table [C] or [B, C]; null if undefined.
const float* row(const at::Tensor& table, int64_t b) {
  if (!table.defined()) return nullptr;
  return table.const_data_ptr<float>() + (table.dim() == 2 ? b * table.size(1) : 0);
}

// Images [B, C, H, W] and their skip channels, if any, both in the channels_last layout.
struct Joined {
  at::Tensor x, skip;
  int64_t channels() const { return x.size(1) + (skip.defined() ? skip.size(1) : 0); }
  int64_t pixels() const { return x.size(2) * x.size(3); }
};

template <class T>
const T* data_of(const at::Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}

template <class T>
T* writable(const at::Tensor& x) {
  return x.defined() ? static_cast<T*>(x.mutable_data_ptr()) : nullptr;
}

at::Tensor or_undefined(const std::optional<at::Tensor>& tensor, at::MemoryFormat format) {
  return tensor ? tensor->contiguous(format) : at::Tensor();
}

// The passes' inputs besides the images.
struct Tables {
  int64_t groups;
  at::Tensor weight, bias, shift;  // [C] or [B, C]; shift also undefined
  bool silu;
};

// Calls `work` with each image of a batch, on all threads.
template <class T, class Work>
void for_images(const Joined& in, const Tables& tables, const Work& work) {
  const int64_t pixels = in.pixels(), channels = in.channels();
  const int64_t width = in.x.size(1), rest = channels - width;
  const T *const x = data_of<T>(in.x), *const skip = data_of<T>(in.skip);
  at::parallel_for(0, in.x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      work(b, NormImage<T>{
                  pixels,
                  channels,
                  tables.groups,
                  {{x + b * pixels * width, 0, width}, {skip + b * pixels * rest, width, rest}},
                  row(tables.shift, b),
                  row(tables.weight, b),
                  row(tables.bias, b),
                  tables.silu});
  });
}

// -> y, and mean and rstd [2, B, C]
template <class T>
std::pair<at::Tensor, at::Tensor> normalise(const Joined& in, const Tables& tables, double eps) {
  const int64_t batch = in.x.size(0), channels = in.channels(), pixels = in.pixels();
  const at::Tensor statistics = at::empty({2, batch, channels}, in.x.options().dtype(at::kFloat));
  const at::Tensor y = at::empty({batch, channels, in.x.size(2), in.x.size(3)},
                                 in.x.options().memory_format(at::MemoryFormat::ChannelsLast));
  float* const mean = statistics.mutable_data_ptr<float>();
  float* const rstd = mean + batch * channels;
  T* const out = writable<T>(y);
  for_images<T>(in, tables, [&](int64_t b, const NormImage<T>& image) {
    const int64_t at = b * channels;
    norm_statistics(image, static_cast<float>(eps), mean + at, rstd + at);
    norm_apply(image, mean + at, rstd + at, out + at * pixels);
  });
  return {y, statistics};
}

// The gradients of x and skip, and of weight, bias and shift per image [3, B, C].
struct Gradients {
  at::Tensor x, skip, tables;
};

template <class T>
Gradients gradients_of(const Joined& in, const Tables& tables, const at::Tensor& statistics,
                       const at::Tensor& dy) {
  const int64_t batch = in.x.size(0), channels = in.channels(), pixels = in.pixels();
  const int64_t width = in.x.size(1), rest = channels - width;
  const Gradients found{at::empty_like(in.x), rest > 0 ? at::empty_like(in.skip) : at::Tensor(),
                        at::empty({3, batch, channels}, statistics.options())};
  const float* const mean = statistics.const_data_ptr<float>();
  const float* const rstd = mean + batch * channels;
  const T* const up = data_of<T>(dy);
  T *const x_out = writable<T>(found.x), *const skip_out = writable<T>(found.skip);
  float* const table = found.tables.mutable_data_ptr<float>();
  for_images<T>(in, tables, [&](int64_t b, const NormImage<T>& image) {
    const int64_t at = b * channels, all = batch * channels;
    T* const parts[2] = {x_out + b * pixels * width, skip_out + b * pixels * rest};
    norm_gradient(image, mean + at, rstd + at, up + at * pixels, parts, table + at,
                  table + all + at, table + 2 * all + at);
  });
  return found;
}

Joined joined(const at::Tensor& x, const std::optional<at::Tensor>& skip) {
  return {x.contiguous(at::MemoryFormat::ChannelsLast),
          or_undefined(skip, at::MemoryFormat::ChannelsLast)};
}

Tables tables_of(int64_t groups, const at::Tensor& weight, const at::Tensor& bias,
                 const std::optional<at::Tensor>& shift, bool silu) {
  return {groups, weight.contiguous(), bias.contiguous(),
          or_undefined(shift, at::MemoryFormat::Contiguous), silu};
}

// The same for both types.
std::pair<at::Tensor, at::Tensor> normalise_any(const Joined& in, const Tables& tables,
                                                double eps) {
  return in.x.scalar_type() == at::kBFloat16 ? normalise<Bf16>(in, tables, eps)
                                             : normalise<float>(in, tables, eps);
}

struct GroupNormFunction : torch::autograd::Function<GroupNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, int64_t groups,
                            const at::Tensor& weight, const at::Tensor& bias, double eps, bool silu,
                            const std::optional<at::Tensor>& shift,
                            const std::optional<at::Tensor>& skip) {
    const Joined in = joined(x, skip);
    const Tables tables = tables_of(groups, weight, bias, shift, silu);
    const auto [y, statistics] = normalise_any(in, tables, eps);
    context->save_for_backward(
        {in.x, tables.weight, tables.bias, tables.shift, statistics, in.skip});
    context->saved_data["groups"] = groups;
    context->saved_data["silu"] = silu;
    return y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const Joined in{saved[0], saved[5]};
    const Tables tables{context->saved_data["groups"].toInt(), saved[1], saved[2], saved[3],
                        context->saved_data["silu"].toBool()};
    const at::Tensor dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const Gradients found = in.x.scalar_type() == at::kBFloat16
                                ? gradients_of<Bf16>(in, tables, saved[4], dy)
                                : gradients_of<float>(in, tables, saved[4], dy);
    const auto like = [](const at::Tensor& gradient, const at::Tensor& parameter) {
      return parameter.dim() == 2 ? gradient : gradient.sum(0);
    };
    return {found.x,
            at::Tensor(),
            like(found.tables[0], tables.weight),
            like(found.tables[1], tables.bias),
            at::Tensor(),
            at::Tensor(),
            tables.shift.defined() ? like(found.tables[2], tables.shift) : at::Tensor(),
            found.skip};
  }
};

}  // namespace

at::Tensor group_norm(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& shift,
                      const at::Tensor& weight, const at::Tensor& bias, int64_t groups, double eps,
                      bool silu) {
  const auto in = [](const at::Tensor& tensor, at::ScalarType type) -> std::optional<at::Tensor> {
    return tensor.defined() ? std::optional(tensor.to(type)) : std::nullopt;
  };
  const at::ScalarType type = x.scalar_type() == at::kBFloat16 ? at::kBFloat16 : at::kFloat;
  const at::Tensor images = x.to(type);
  const auto joins = in(skip, type), shifts = in(shift, at::kFloat);
  const at::Tensor y =
      at::GradMode::is_enabled()
          ? GroupNormFunction::apply(images, groups, weight, bias, eps, silu, shifts, joins)
          : normalise_any(joined(images, joins), tables_of(groups, weight, bias, shifts, silu), eps)
                .first;
  return y.to(x.scalar_type());
}

}  // namespace diffuse::ops::cpu
