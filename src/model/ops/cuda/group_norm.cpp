#include "group_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <optional>

#include "bias.h"
#include "kernels/norm_arguments.cuh"
#include "src/core/cuda/kernel_launcher.h"
#include "tiling.h"

namespace diffuse::ops::cuda {
namespace {

using diffuse::cuda::KernelLauncher;
using diffuse::cuda::KernelModule;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using Maybe = std::optional<at::Tensor>;

constexpr const char* kText = "src/model/ops/cuda/kernels/group_norm.cuh";

// Of which no autograd is kept.
struct Inputs {
  at::Tensor x, skip;               // [B, C, H, W], channels_last; skip may be undefined
  at::Tensor weight, bias;          // [C], float32
  at::Tensor channel_shift;         // [C], float32, or undefined
  at::Tensor shift, scale, offset;  // [B, C] with rows of their own stride, x's dtype, or undefined
  at::Tensor keys;                  // dropout's, or undefined
  int64_t groups, layer;
  double eps, p;
  bool silu;

  int64_t batch() const { return x.size(0); }
  int64_t channels() const { return weight.size(0); }
  int64_t pixels() const { return x.size(2) * x.size(3); }
};

// The kernels of one call: neighbouring channels are read 128 bits at a time where they allow it.
class Launch {
 public:
  Launch(const Inputs& in, const at::Tensor& dy)
      : batch_(in.batch()),
        device_(in.x.device()),
        module_{kText, in.x.scalar_type()},
        launcher_(*diffuse::cuda::kernels_for(in.x, kText)),
        width_(column_width({in.x.size(1), in.channels()}, {in.x, in.skip, dy})),
        images_{tiling_of(batch_, in.pixels(), in.channels(), width_,
                          launcher_.multiprocessors(device_)),
                pointer(in.x), pointer(in.skip), in.x.size(1)} {}

  int64_t chunks() const { return images_.tiling.chunks; }
  int64_t width() const { return width_; }

  // A block for each tile of channels and chunk of pixels of an image.
  template <class... Arguments>
  void over_pixels(const char* packed, const char* plain, Arguments... arguments) {
    const int64_t blocks = images_.tiling.tiles * images_.tiling.chunks;
    diffuse::cuda::launch(launcher_, module_, {width_ > 1 ? packed : plain, {blocks, batch_}},
                          device_, images_, arguments...);
  }

  // A block for each image.
  template <class... Arguments>
  void over_images(const char* kernel, Arguments... arguments) {
    diffuse::cuda::launch(launcher_, module_, {kernel, {batch_, 1}}, device_, images_,
                          arguments...);
  }

 private:
  int64_t batch_;
  c10::Device device_;
  KernelModule module_;
  KernelLauncher& launcher_;
  int64_t width_;
  NormImages images_;
};

NormModulation modulation_of(const Inputs& in) {
  const auto stride = [](const at::Tensor& table) { return table.defined() ? table.stride(0) : 0; };
  return {pointer(in.shift), pointer(in.scale), pointer(in.offset),
          stride(in.shift),  stride(in.scale),  stride(in.offset)};
}

NormDropout dropout_of(const Inputs& in) {
  return {static_cast<const long long*>(pointer(in.keys)), in.layer, std::llround(in.p * 0x1p32),
          static_cast<float>(1 / (1 - in.p))};
}

struct Normalised {
  at::Tensor y, tables, totals, mask;  // as the kernels' text has them
};

at::Tensor table_for(const Inputs& in, at::IntArrayRef shape) {
  return at::empty(shape,
                   in.x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous));
}

Normalised normalise_by_kernels(const Inputs& in) {
  Launch run(in, {});
  const int64_t batch = in.batch(), channels = in.channels(), chunks = run.chunks();
  const at::Tensor sums = table_for(in, {batch, chunks, 2, channels});
  Normalised out{at::empty({batch, channels, in.x.size(2), in.x.size(3)},
                           in.x.options().memory_format(at::MemoryFormat::ChannelsLast)),
                 table_for(in, {batch, channels, 4}), table_for(in, {batch, channels}),
                 in.keys.defined() ? at::empty({batch * in.pixels() * (channels / run.width())},
                                               in.x.options().dtype(at::kByte))
                                   : at::Tensor()};
  run.over_pixels("norm_sums", "norm_sums_plain", writable_as<float>(sums));
  run.over_images("norm_statistics", floats(sums), floats(in.weight), floats(in.bias),
                  floats(in.channel_shift), modulation_of(in), static_cast<long long>(in.groups),
                  static_cast<float>(in.eps), writable(out.tables), writable_as<float>(out.totals));
  run.over_pixels("norm_apply", "norm_apply_plain", pointer(out.tables), dropout_of(in),
                  static_cast<int>(in.silu), writable(out.y), writable_as<uint8_t>(out.mask));
  return out;
}

struct Found {
  at::Tensor x, skip, channels, shift, scale, offset;
};

Found gradients_by_kernels(const Inputs& in, const Normalised& kept, const at::Tensor& dy) {
  Launch run(in, dy);
  const int64_t batch = in.batch(), channels = in.channels();
  const auto like = [](const at::Tensor& x) {
    return x.defined() ? at::empty(x.sizes(), x.options()) : at::Tensor();
  };
  const at::Tensor sums = table_for(in, {batch, run.chunks(), 2, channels}),
                   slopes = table_for(in, {batch, channels, 2});
  const Found found{at::empty_like(in.x),
                    in.skip.defined() ? at::empty_like(in.skip) : at::Tensor(),
                    table_for(in, {batch, 3, channels}),
                    like(in.shift),
                    like(in.scale),
                    like(in.offset)};
  const auto* const mask = static_cast<const uint8_t*>(pointer(kept.mask));
  const float scale = dropout_of(in).scale;
  const int silu = in.silu;
  run.over_pixels("norm_gradient_sums", "norm_gradient_sums_plain", pointer(kept.tables),
                  pointer(dy), mask, scale, silu, writable_as<float>(sums));
  run.over_images(
      "norm_gradient_statistics", floats(sums), floats(in.weight), floats(in.bias),
      modulation_of(in), static_cast<long long>(in.groups), pointer(kept.tables),
      floats(kept.totals),
      NormGradients{writable(slopes), writable_as<float>(found.channels), writable(found.shift),
                    writable(found.scale), writable(found.offset)});
  run.over_pixels("norm_gradient_apply", "norm_gradient_apply_plain", pointer(kept.tables),
                  pointer(slopes), pointer(dy), mask, scale, silu, writable(found.x),
                  writable(found.skip));
  return found;
}

at::Tensor or_nothing(const Maybe& tensor) { return tensor.value_or(at::Tensor()); }

// The order of the saved tensors, and of the first arguments of NormFunction::forward.
enum Saved {
  kX,
  kSkip,
  kWeight,
  kBias,
  kChannelShift,
  kShift,
  kScale,
  kOffset,
  kTables,
  kTotals,
  kMask
};

struct NormFunction : torch::autograd::Function<NormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Maybe& skip,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const Maybe& channel_shift, const Maybe& shift, const Maybe& scale,
                            const Maybe& offset, const Maybe& keys, int64_t groups, double eps,
                            bool silu, double p, int64_t layer) {
    const Inputs in{x,
                    or_nothing(skip),
                    weight,
                    bias,
                    or_nothing(channel_shift),
                    or_nothing(shift),
                    or_nothing(scale),
                    or_nothing(offset),
                    or_nothing(keys),
                    groups,
                    layer,
                    eps,
                    p,
                    silu};
    const Normalised out = normalise_by_kernels(in);
    context->save_for_backward({in.x, in.skip, in.weight, in.bias, in.channel_shift, in.shift,
                                in.scale, in.offset, out.tables, out.totals, out.mask});
    context->saved_data["groups"] = groups;
    context->saved_data["eps"] = eps;
    context->saved_data["silu"] = silu;
    context->saved_data["p"] = p;
    return out.y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const Inputs in{saved[kX],
                    saved[kSkip],
                    saved[kWeight],
                    saved[kBias],
                    saved[kChannelShift],
                    saved[kShift],
                    saved[kScale],
                    saved[kOffset],
                    {},
                    data["groups"].toInt(),
                    0,
                    data["eps"].toDouble(),
                    data["p"].toDouble(),
                    data["silu"].toBool()};
    const Found found =
        gradients_by_kernels(in, {{}, saved[kTables], saved[kTotals], saved[kMask]},
                             gradients[0].contiguous(at::MemoryFormat::ChannelsLast));
    const at::Tensor channels = row_sum(found.channels.flatten(1)).view({3, -1});
    tensor_list result(14);
    result[kX] = found.x;
    result[kSkip] = found.skip;
    result[kWeight] = channels[0];
    result[kBias] = channels[1];
    if (in.channel_shift.defined()) result[kChannelShift] = channels[2];
    result[kShift] = found.shift;
    result[kScale] = found.scale;
    result[kOffset] = found.offset;
    return result;
  }
};

Maybe image(const at::Tensor& x, at::ScalarType type) {
  if (!x.defined()) return std::nullopt;
  return x.to(type).contiguous(at::MemoryFormat::ChannelsLast);
}

// Rows of neighbouring numbers, however far apart the rows are.
Maybe rows(const at::Tensor& table, at::ScalarType type) {
  if (!table.defined()) return std::nullopt;
  const at::Tensor cast = table.to(type);
  return cast.stride(1) == 1 || cast.size(1) == 1 ? cast : cast.contiguous();
}

// [C] for all images: the bias of x and a shift of one dimension.
Maybe shift_of_channels(const NormInput& in) {
  TORCH_CHECK(!in.x.bias.defined() || !in.skip.defined(),
              "a bias of x alone is no shift of x and skip");
  const bool one = in.shift.defined() && in.shift.dim() == 1;
  if (!in.x.bias.defined() && !one) return std::nullopt;
  const at::Tensor sum = !one ? in.x.bias : in.x.bias.defined() ? in.x.bias + in.shift : in.shift;
  return sum.to(at::kFloat).contiguous();
}

}  // namespace

bool takes_group_norm(const at::Tensor& x, const Norm& norm) {
  return norm.weight.scalar_type() == at::kFloat && norm.weight.dim() == 1 && x.numel() > 0 &&
         diffuse::cuda::kernels_for(x, kText) != nullptr;
}

at::Tensor group_norm(const NormInput& in, const Norm& norm, const Modulation& modulation,
                      bool silu, const Dropout& dropout, const at::Tensor& dropout_keys) {
  const at::ScalarType type = in.x.value.scalar_type();
  const bool of_images = in.shift.defined() && in.shift.dim() == 2;
  const bool dropped = dropout.p > 0 && dropout_keys.defined();
  TORCH_CHECK(!dropped || dropout_keys.size(0) == in.x.value.size(0), "dropout of ",
              in.x.value.sizes(), " with the streams of ", dropout_keys.size(0), " samples");
  return NormFunction::apply(*image(in.x.value, type), image(in.skip, type),
                             norm.weight.contiguous(), norm.bias.contiguous(),
                             shift_of_channels(in), of_images ? rows(in.shift, type) : std::nullopt,
                             rows(modulation.scale, type), rows(modulation.offset, type),
                             dropped ? Maybe(dropout_keys.contiguous()) : std::nullopt, norm.groups,
                             norm.eps, silu, dropped ? dropout.p : 0.0, int64_t{dropout.layer});
}

}  // namespace diffuse::ops::cuda
