#include "winograd.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "jobs.h"
#include "processor.h"

namespace diffuse::ops::cpu {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// At most: 6 x 14 rows of a product, whose planes stay in a core's caches.
constexpr int64_t kTilesAtOnce = 84;

TiledImages tiled(const at::Tensor& images, int64_t tile) {
  return {const_cast<void*>(images.const_data_ptr()),
          images.scalar_type() == at::kBFloat16,
          images.size(0),
          images.size(2),
          images.size(3),
          images.size(1),
          tile};
}

// Sides of the tiles of a convolution's input and output.
struct Tiles {
  int64_t in = kTile, out = kTile;

  int64_t side() const { return in == out ? kSide : kDoubledSide; }
  Tiles reversed() const { return {out, in}; }
};

Tiles sides_of(bool doubled) { return doubled ? Tiles{kSmallTile, kTile} : Tiles{}; }

// weight [O, I, 3, 3] in channels_last
Filters filters_of(const at::Tensor& weight, const Tiles& tiles, bool turned) {
  return {const_cast<float*>(weight.const_data_ptr<float>()), weight.size(0), weight.size(1),
          tiles.side(), turned};
}

// x [B, I, H, W] -> [B, O, H', W'] of the given type, both in channels_last. bias: [O], or null for 0.
at::Tensor convolve(const WinogradKernels& kernels, const at::Tensor& x, const Tiles& sides,
                    const Filters& filters, const float* bias, at::ScalarType type) {
  const auto resized = [&](int64_t size) { return size * sides.out / sides.in; };
  const at::Tensor y = at::empty({x.size(0), filters.to(), resized(x.size(2)), resized(x.size(3))},
                                 x.options().dtype(type), at::MemoryFormat::ChannelsLast);
  const TiledImages in = tiled(x, sides.in), out = tiled(y, sides.out);
  if (in.tiles() == 0) return y;
  const int64_t threads = at::get_num_threads(), side = filters.side;
  const int64_t fewest = ceil_divide(in.tiles(), kTilesAtOnce);
  // As many parts for each thread; fewer than threads: all transform the inputs together, then divide the outputs.
  const bool together = fewest < threads;
  const int64_t parts = together ? fewest : ceil_divide(fewest, threads) * threads;
  const int64_t most = ceil_divide(in.tiles(), parts);
  const int64_t planes = side * side * plane_stride(in.channels, most);
  const int64_t others = kFilterScratch + plane_products_scratch(most);
  const auto multiply = [&](Range tiles, int64_t first, const float* inputs, float* scratch) {
    float* const products = scratch + kFilterScratch;
    const int64_t next = first + kPanel * (together ? threads : 1);
    kernels.products(filters, first, next, tiles.size(), inputs, scratch, products);
    kernels.output(out, tiles, first, side, products, bias);
  };
  if (together) {
    const at::Tensor inputs = at::empty({parts, planes});
    const auto part_planes = [&](int64_t part) {
      return inputs.mutable_data_ptr<float>() + part * planes;
    };
    const int64_t chunks = std::min(blocks_of(in.channels), 4 * threads);
    for_jobs(parts * chunks, 0, [&](int64_t job, float*) {
      const int64_t part = job / chunks;
      const Range channels = part_of(in.channels, job % chunks, chunks, kBlock);
      kernels.input(in, part_of(in.tiles(), part, parts), channels, side, part_planes(part));
    });
    const int64_t panels = ceil_divide(out.channels, kPanel);
    for_jobs(parts * panels, others, [&](int64_t job, float* scratch) {
      const int64_t part = job / panels;
      multiply(part_of(in.tiles(), part, parts), job % panels * kPanel, part_planes(part), scratch);
    });
    return y;
  }
  for_jobs(parts, planes + others, [&](int64_t job, float* scratch) {
    const Range tiles = part_of(in.tiles(), job, parts);
    kernels.input(in, tiles, {0, in.channels}, side, scratch);
    for (int64_t first = 0; first < out.channels; first += kPanel)
      multiply(tiles, first, scratch, scratch + planes);
  });
  return y;
}

struct FilterGradients {
  at::Tensor weight, bias;
};

// The gradients of weight [O, I, 3, 3] and bias [O] from x [B, I, H, W] and dy [B, O, H, W]. The order of their
// sums does not depend on the number of threads.
FilterGradients filter_gradients(const WinogradKernels& kernels, const at::Tensor& x,
                                 const Tiles& sides, const at::Tensor& dy) {
  const TiledImages in = tiled(x, sides.in), up = tiled(dy, sides.out);
  const int64_t side = sides.side();
  const int64_t parts = std::max<int64_t>(1, ceil_divide(in.tiles(), kTilesAtOnce));
  const int64_t most = ceil_divide(in.tiles(), parts);
  // A sum is taken over consecutive parts; groups of outputs are computed apart.
  const int64_t sums = std::clamp<int64_t>(8 / ceil_divide(up.channels, 64), 1, parts);
  const auto jobs = [&](int64_t width) { return sums * ceil_divide(up.channels, width); };
  const int64_t threads = at::get_num_threads();
  int64_t width = 4 * kPanel;  // the wider, the fewer transform the same inputs
  while (width > kPanel && jobs(width) < 4 * threads && jobs(width) % threads != 0) width /= 2;
  const int64_t groups = ceil_divide(up.channels, width);
  const at::Tensor weight = at::empty({sums, up.channels, 3, 3, in.channels});
  const at::Tensor bias = at::zeros({sums, groups * width});
  const int64_t planes = side * side * plane_stride(in.channels, most);
  const int64_t gradient_planes = side * side * plane_stride(width, most);
  for_jobs(sums * groups, planes + gradient_planes + kFilterScratch,
           [&](int64_t job, float* scratch) {
             const int64_t sum = job / groups;
             const Range range = part_of(parts, sum, sums),
                         outputs = part_of(up.channels, job % groups, groups, kPanel);
             const Filters filters{weight.mutable_data_ptr<float>() + sum * weight.stride(0),
                                   up.channels, in.channels, side, false};
             float* const bias_sums =
                 bias.mutable_data_ptr<float>() + sum * bias.stride(0) + outputs.begin;
             float* const gradients = scratch + planes;
             for (int64_t part = range.begin; part < range.end; ++part) {
               const Range tiles = part_of(in.tiles(), part, parts);
               kernels.input(in, tiles, {0, in.channels}, side, scratch);
               kernels.output_gradient(up, tiles, outputs, side, gradients, bias_sums);
               kernels.filter_gradient(filters, outputs, tiles.size(), gradients, scratch,
                                       part > range.begin, gradients + gradient_planes);
             }
           });
  const auto total = [sums](const at::Tensor& all) { return sums == 1 ? all[0] : all.sum(0); };
  return {total(weight).permute({0, 3, 1, 2}), total(bias).narrow(0, 0, up.channels)};
}

at::Tensor convolve_biased(const WinogradKernels& kernels, const at::Tensor& x,
                           const at::Tensor& weight, const at::Tensor& bias, bool doubled,
                           bool bf16) {
  const Tiles sides = sides_of(doubled);
  return convolve(kernels, x, sides, filters_of(weight, sides, false), bias.const_data_ptr<float>(),
                  bf16 ? at::kBFloat16 : at::kFloat);
}

struct WinogradFunction : torch::autograd::Function<WinogradFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& filters, const at::Tensor& bias, bool doubled,
                            bool bf16, const WinogradKernels* kernels) {
    const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor weight = filters.contiguous(at::MemoryFormat::ChannelsLast);
    context->save_for_backward({x, weight});
    context->saved_data["kernels"] = reinterpret_cast<int64_t>(kernels);
    context->saved_data["doubled"] = doubled;
    return convolve_biased(*kernels, x, weight, bias, doubled, bf16);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const auto& kernels =
        *reinterpret_cast<const WinogradKernels*>(context->saved_data["kernels"].toInt());
    const at::Tensor dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const Tiles sides = sides_of(context->saved_data["doubled"].toBool());
    tensor_list found(6);  // of forward's arguments
    if (context->needs_input_grad(0))
      found[0] = convolve(kernels, dy, sides.reversed(), filters_of(weight, sides, true), nullptr,
                          x.scalar_type());
    if (context->needs_input_grad(1) || context->needs_input_grad(2)) {
      const FilterGradients filters = filter_gradients(kernels, x, sides, dy);
      found[1] = filters.weight;
      found[2] = filters.bias;
    }
    return found;
  }
};

}  // namespace

static bool bf16_is_wanted() {
  return at::autocast::is_autocast_enabled(at::kCPU) &&
         at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
}

// Whether to compute in float32: float32 operands, or bfloat16 where float32 is faster.
static bool in_float32(const at::Tensor& x, const at::Tensor& weight) {
  if (!x.is_cpu() || weight.scalar_type() != at::kFloat) return false;
  if (!at::autocast::is_autocast_enabled(at::kCPU)) return x.scalar_type() == at::kFloat;
  const bool either = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  return bf16_is_wanted() && either && !multiplies_bf16_matrices();
}

bool winograd_pays(const at::Tensor& x, const at::Tensor& weight, bool doubled) {
  if (!in_float32(x, weight)) return false;
  const int64_t scale = doubled ? 2 : 1, height = scale * x.size(2), width = scale * x.size(3);
  const int64_t tiles = ceil_divide(height, kTile) * ceil_divide(width, kTile);
  return weight.size(1) >= 32 && height * width * 9 >= 2 * tiles * kPlanes;
}

at::Tensor winograd_conv3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            bool doubled, const WinogradKernels& kernels) {
  RECORD_FUNCTION("diffuse::conv3x3", std::vector<c10::IValue>({x, weight, doubled}));
  if (!at::GradMode::is_enabled())
    return convolve_biased(kernels, x.contiguous(at::MemoryFormat::ChannelsLast),
                           weight.contiguous(at::MemoryFormat::ChannelsLast), bias, doubled,
                           bf16_is_wanted());
  return WinogradFunction::apply(x, weight, bias, doubled, bf16_is_wanted(), &kernels);
}

}  // namespace diffuse::ops::cpu
