#include "group_norm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <optional>

#include "bias.h"
#include "kernels/norm_arguments.cuh"
#include "optional_tensors.h"
#include "src/core/cuda/kernel_launcher.h"
#include "src/model/direct_gradients.h"
#include "tiling.h"

namespace diffuse::ops::cuda {
namespace {

using diffuse::cuda::KernelLauncher;
using diffuse::cuda::kernels_for;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using Maybe = std::optional<at::Tensor>;

constexpr const char* kNormText = "src/model/ops/cuda/kernels/group_norm.cuh";
constexpr const char* kNormGradientText = "src/model/ops/cuda/kernels/group_norm_gradient.cuh";

struct NormInputs {
  at::Tensor x, skip;               // [B, C, H, W], channels_last; skip may be undefined
  at::Tensor weight, bias;          // [C], float32
  at::Tensor channel_shift;         // [C], float32, or undefined
  at::Tensor shift, scale, offset;  // [B, C] with rows of their own stride, x's dtype, or undefined
  int64_t groups;
  bool silu;

  int64_t batch() const { return x.size(0); }
  int64_t channels() const { return weight.size(0); }
  int64_t pixels() const { return x.size(2) * x.size(3); }

  at::Tensor output() const {
    return at::empty(
        {batch(), channels(), x.size(2), x.size(3)},
        x.options().requires_grad(false).memory_format(at::MemoryFormat::ChannelsLast));
  }
  at::Tensor table(at::IntArrayRef shape) const {
    return at::empty(shape, weight.options().requires_grad(false));
  }
};

struct DroppedRows {
  at::Tensor keys;  // undefined: no dropout
  double p;
  int64_t layer;
};

int64_t row_stride(const at::Tensor& table) { return table.defined() ? table.stride(0) : 0; }

// The launches of one pass. A block has all pixels of some groups of an image and does everything at once, or
// several share an image and launches follow one another.
class NormPass {
 public:
  NormPass(const NormInputs& in, const char* text)
      : batch_(in.batch()),
        device_(in.x.device()),
        module_{text, in.x.scalar_type()},
        launcher_(*kernels_for(in.x, text)),
        width_(column_width({in.x.size(1), in.channels()}, {in.x, in.skip})) {
    const int64_t multiprocessors = launcher_.multiprocessors(device_);
    const auto whole = whole_tiling_of(batch_, in.pixels(), in.channels(), width_,
                                       in.channels() / in.groups, multiprocessors);
    whole_ = whole.has_value();
    const Tiling tiling =
        whole ? *whole : tiling_of(batch_, in.pixels(), in.channels(), width_, multiprocessors);
    sums_ = in.table({batch_, tiling.chunks, 2, in.channels()});
    images_ = {tiling,
               pointer(in.x),
               pointer(in.skip),
               in.x.size(1),
               in.groups,
               floats(in.weight),
               floats(in.bias),
               pointer(in.scale),
               pointer(in.offset),
               row_stride(in.scale),
               row_stride(in.offset),
               in.silu,
               writable_as<float>(sums_)};
  }

  const NormImages& images() const { return images_; }
  int64_t columns() const { return images_.tiling.channels / width_; }

  struct Names {
    const char *sums, *statistics, *apply, *whole;
  };

  template <class Arguments>
  void run(const Names& packed, const Names& plain, const Arguments& arguments) {
    const Names& names = width_ > 1 ? packed : plain;
    const int64_t blocks = images_.tiling.tiles * images_.tiling.chunks;
    const auto start = [&](const char* kernel, int64_t x, int64_t y) {
      diffuse::cuda::launch(launcher_, module_, {kernel, {x, y}}, device_, arguments);
    };
    if (whole_) return start(names.whole, blocks, batch_);
    start(names.sums, blocks, batch_);
    start(names.statistics, batch_, 1);
    start(names.apply, blocks, batch_);
  }

 private:
  int64_t batch_;
  c10::Device device_;
  diffuse::cuda::KernelModule module_;
  KernelLauncher& launcher_;
  int64_t width_;
  bool whole_;
  at::Tensor sums_;
  NormImages images_;
};

struct Normalised {
  at::Tensor y, tables, totals, mask;  // as the kernels' text has them
};

Normalised norm_by_kernels(const NormInputs& in, const DroppedRows& dropped, double eps) {
  NormPass pass(in, kNormText);
  const int64_t batch = in.batch(), channels = in.channels();
  const bool drops = dropped.keys.defined();
  const Normalised out{in.output(), in.table({batch, channels, 4}), in.table({batch, channels}),
                       drops ? at::empty({batch, in.pixels(), pass.columns()},
                                         dropped.keys.options().dtype(at::kByte))
                             : at::Tensor()};
  pass.run(
      {"norm_sums", "norm_statistics", "norm_apply", "norm_whole"},
      {"norm_sums_plain", "norm_statistics", "norm_apply_plain", "norm_whole_plain"},
      NormForward{pass.images(), floats(in.channel_shift), pointer(in.shift), row_stride(in.shift),
                  static_cast<float>(eps), static_cast<const long long*>(pointer(dropped.keys)),
                  dropped.layer, std::llround(dropped.p * 0x1p32),
                  static_cast<float>(1 / (1 - dropped.p)), writable(out.tables),
                  writable_as<float>(out.totals), writable(out.y), writable_as<uint8_t>(out.mask)});
  return out;
}

struct NormGradients {
  at::Tensor x, skip, channels, shift, scale, offset;
};

// dL/dy, and of x and skip what comes from their other uses, or undefined.
struct NormUpstream {
  at::Tensor y, x, skip;
};

NormGradients norm_gradients_by_kernels(const NormInputs& in, const Normalised& kept,
                                        const NormUpstream& up, double p) {
  NormPass pass(in, kNormGradientText);
  const int64_t batch = in.batch(), channels = in.channels();
  const auto like = [](const at::Tensor& x) {
    return x.defined() ? at::empty(x.sizes(), x.options()) : at::Tensor();
  };
  const at::Tensor slopes = in.table({batch, channels, 2});
  const NormGradients found{at::empty_like(in.x),
                            in.skip.defined() ? at::empty_like(in.skip) : at::Tensor(),
                            in.table({batch, 3, channels}),
                            like(in.shift),
                            like(in.scale),
                            like(in.offset)};
  pass.run(
      {"norm_gradient_sums", "norm_gradient_statistics", "norm_gradient_apply",
       "norm_gradient_whole"},
      {"norm_gradient_sums_plain", "norm_gradient_statistics", "norm_gradient_apply_plain",
       "norm_gradient_whole_plain"},
      NormBackward{pass.images(), pointer(kept.tables), floats(kept.totals), pointer(up.y),
                   static_cast<const uint8_t*>(pointer(kept.mask)), static_cast<float>(1 / (1 - p)),
                   writable(slopes), writable_as<float>(found.channels), writable(found.shift),
                   writable(found.scale), writable(found.offset), writable(found.x),
                   writable(found.skip), pointer(up.x), pointer(up.skip)});
  return found;
}

// In channels_last and where 128 bits can be loaded at once: backward reads the mask with forward's width.
at::Tensor loadable(const at::Tensor& dy) {
  if (!dy.defined()) return dy;
  const at::Tensor images = dy.contiguous(at::MemoryFormat::ChannelsLast);
  return column_width({}, {images}) > 1 ? images : images.clone();
}

// The order of the saved tensors; up to kOffset, also that of the first arguments of forward().
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

// The gradients of weight, bias and, if there is one, the channels' shift that backward may add to; or none.
std::vector<at::Tensor> direct_gradients(const NormInputs& in) {
  std::vector<at::Tensor> found;
  for (const at::Tensor& x : {in.weight, in.bias, in.channel_shift}) {
    found.push_back(x.defined() ? DirectGradients::of(x) : x);
    if (x.defined() && !found.back().defined()) return {};
  }
  return found;
}

// Returns y and, if it `passes` them, x and skip.
struct NormFunction : torch::autograd::Function<NormFunction> {
  static tensor_list forward(AutogradContext* context, const at::Tensor& x, const Maybe& skip,
                             const at::Tensor& weight, const at::Tensor& bias,
                             const Maybe& channel_shift, const Maybe& shift, const Maybe& scale,
                             const Maybe& offset, const Maybe& keys, int64_t groups, double eps,
                             bool silu, double p, int64_t layer, bool passes) {
    const NormInputs in{x,
                        or_nothing(skip),
                        weight,
                        bias,
                        or_nothing(channel_shift),
                        or_nothing(shift),
                        or_nothing(scale),
                        or_nothing(offset),
                        groups,
                        silu};
    const Normalised out = norm_by_kernels(in, {or_nothing(keys), p, layer}, eps);
    context->set_materialize_grads(false);
    context->save_for_backward({in.x, in.skip, weight, bias, in.channel_shift, in.shift, in.scale,
                                in.offset, out.tables, out.totals, out.mask});
    context->saved_data["groups"] = groups;
    context->saved_data["silu"] = silu;
    context->saved_data["p"] = p;
    context->saved_data["direct"] = direct_gradients(in);
    tensor_list results{out.y};
    if (passes) results.push_back(x);
    if (passes && skip) results.push_back(*skip);
    return results;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const NormInputs in{saved[kX],
                        saved[kSkip],
                        saved[kWeight],
                        saved[kBias],
                        saved[kChannelShift],
                        saved[kShift],
                        saved[kScale],
                        saved[kOffset],
                        data["groups"].toInt(),
                        data["silu"].toBool()};
    const bool passed = gradients.size() > 1;
    const NormUpstream up{loadable(gradients[0].defined() ? gradients[0] : in.output().zero_()),
                          passed ? loadable(gradients[1]) : at::Tensor(),
                          passed && in.skip.defined() ? loadable(gradients[2]) : at::Tensor()};
    const NormGradients found = norm_gradients_by_kernels(
        in, {{}, saved[kTables], saved[kTotals], saved[kMask]}, up, data["p"].toDouble());
    tensor_list result(15);
    result[kX] = found.x;
    result[kSkip] = found.skip;
    const at::Tensor of_images = found.channels.flatten(1);
    if (const auto direct = data["direct"].toTensorVector(); !direct.empty()) {
      add_row_sum(of_images, direct);
    } else {
      const at::Tensor channels = row_sum(of_images).view({3, -1});
      result[kWeight] = channels[0];
      result[kBias] = channels[1];
      if (in.channel_shift.defined()) result[kChannelShift] = channels[2];
    }
    result[kShift] = found.shift;
    result[kScale] = found.scale;
    result[kOffset] = found.offset;
    return result;
  }
};

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
  const bool shifted = in.shift.defined() && in.shift.dim() == 1;
  if (!in.x.bias.defined() && !shifted) return std::nullopt;
  if (!shifted) return in.x.bias.to(at::kFloat).contiguous();
  const at::Tensor sum = in.x.bias.defined() ? in.x.bias + in.shift : in.shift;
  return sum.to(at::kFloat).contiguous();
}

}  // namespace

bool takes_group_norm(const at::Tensor& x, const Norm& norm) {
  return norm.weight.scalar_type() == at::kFloat && norm.weight.dim() == 1 && x.numel() > 0 &&
         x.size(0) <= diffuse::cuda::kMostRows && kernels_for(x, kNormText) != nullptr &&
         (!at::GradMode::is_enabled() ||
          (kernels_for(x, kNormGradientText) != nullptr && takes_row_sum(x.device())));
}

Normed group_norm(const NormInput& in, const Norm& norm, const Modulation& modulation, bool silu,
                  const Dropout& dropout, const at::Tensor& dropout_keys, bool passes) {
  const at::ScalarType type = in.x.value.scalar_type();
  const bool of_images = in.shift.defined() && in.shift.dim() == 2;
  const bool dropped = dropout.p > 0 && dropout_keys.defined();
  TORCH_CHECK(!dropped || dropout_keys.size(0) == in.x.value.size(0), "dropout of ",
              in.x.value.sizes(), " with the streams of ", dropout_keys.size(0), " samples");
  passes = passes && at::GradMode::is_enabled();
  const tensor_list results = NormFunction::apply(
      *images_in(in.x.value, type), images_in(in.skip, type), norm.weight.contiguous(),
      norm.bias.contiguous(), shift_of_channels(in),
      of_images ? rows(in.shift, type) : std::nullopt, rows(modulation.scale, type),
      rows(modulation.offset, type), dropped ? Maybe(dropout_keys.contiguous()) : std::nullopt,
      norm.groups, norm.eps, silu, dropped ? dropout.p : 0.0, int64_t{dropout.layer}, passes);
  return {results[0], passes ? results[1] : in.x.value, results.size() > 2 ? results[2] : in.skip};
}

}  // namespace diffuse::ops::cuda
