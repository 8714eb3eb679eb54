#include "winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "processor.h"
#include "product.h"
#include "src/model/weight_cache.h"
#include "winograd_kernel.h"

namespace diffuse::ops::cpu {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int64_t kRows = 32;  // minimum rows for full GEMM throughput

// Calls work on equal parts of a weight's outputs, in parallel.
template <class Work>
void for_filters(const at::Tensor& weight, const Work& work) {
  const int64_t outputs = weight.size(0), inputs = weight.size(1);
  at::parallel_for(0, outputs, 8, [&](int64_t begin, int64_t end) {
    work(FilterSet{outputs, inputs, begin, end});
  });
}

// [O, I, 3, 3] -> [36, O, I]
at::Tensor filter_planes(const at::Tensor& weight, bool turned) {
  const at::Tensor taps = weight.contiguous(at::MemoryFormat::ChannelsLast);
  at::Tensor planes = at::empty({kPlanes, weight.size(0), weight.size(1)});
  const float* const from = taps.const_data_ptr<float>();
  float* const to = planes.mutable_data_ptr<float>();
  for_filters(weight, [&](const FilterSet& set) { winograd_filters(set, from, turned, to); });
  return planes;
}

// [O, I, 3, 3] -> [36, I, O] in any order in memory, kept in a WeightCacheScope.
at::Tensor forward_filters(const at::Tensor& weight) {
  WeightCache* const cache = WeightCacheScope::current();
  if (cache == nullptr) return filter_planes(weight, false).transpose(1, 2);
  at::Tensor& planes = (*cache)[weight.const_data_ptr()];
  if (!planes.defined())  // with contiguous rows, for faster products
    planes = filter_planes(weight.transpose(0, 1), false);
  return planes;
}

// [36, O, I] -> [O, I, 3, 3]: the transpose of filter_planes, for gradients.
at::Tensor filter_gradient(const at::Tensor& planes) {
  const at::Tensor gradient = at::empty({planes.size(1), planes.size(2), 3, 3}, planes.options(),
                                        at::MemoryFormat::ChannelsLast);
  const float* const from = planes.const_data_ptr<float>();
  float* const to = gradient.mutable_data_ptr<float>();
  for_filters(gradient, [&](const FilterSet& set) { winograd_filter_gradient(set, from, to); });
  return gradient;
}

// A batch of images in channels_last, cut into chunks of whole images with enough tiles for a product.
struct Images {
  explicit Images(const at::Tensor& x)
      : grid{x.size(2), x.size(3), x.size(1)},
        count(x.size(0)),
        per_chunk(std::max<int64_t>(1, kRows / grid.tiles())) {}

  int64_t chunks() const { return (count + per_chunk - 1) / per_chunk; }
  int64_t first(int64_t chunk) const { return chunk * per_chunk; }
  int64_t size(int64_t chunk) const { return std::min(per_chunk, count - first(chunk)); }
  int64_t numel() const { return grid.height * grid.width * grid.channels; }  // of one image

  TileGrid grid;
  int64_t count, per_chunk;
};

using Spread = void (*)(const TileGrid&, const float*, float*, int64_t);

// The planes [36, n tiles, C] of n images from `first` on. Planes are a few cache lines apart: else one
// tile's values in all planes would fall into the same cache sets.
at::Tensor spread(Spread transform, const Images& images, const float* data, int64_t first,
                  int64_t n) {
  constexpr int64_t kGap = 5 * 64 / sizeof(float);
  const int64_t rows = n * images.grid.tiles(), channels = images.grid.channels;
  const int64_t image = images.grid.tiles() * channels, plane = rows * channels + kGap;
  const at::Tensor planes =
      at::empty({kPlanes * plane}).as_strided({kPlanes, rows, channels}, {plane, channels, 1});
  float* const out = planes.mutable_data_ptr<float>();
  at::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      transform(images.grid, data + (first + i) * images.numel(), out + i * image, plane);
  });
  return planes;
}

// x [B, I, H, W], filters [36, I, O] in any order in memory -> [B, O, H, W]
at::Tensor convolve(const at::Tensor& x, const at::Tensor& filters, const float* bias) {
  const int64_t out_channels = filters.size(2);
  const at::Tensor y = at::empty({x.size(0), out_channels, x.size(2), x.size(3)}, x.options(),
                                 at::MemoryFormat::ChannelsLast);
  const Images in(x), out(y);
  const float* const from = x.const_data_ptr<float>();
  float* const to = y.mutable_data_ptr<float>();
  at::parallel_for(0, in.chunks(), 1, [&](int64_t begin, int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView no_autograd;
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t n = in.size(chunk), image = in.grid.tiles() * out_channels;
      const at::Tensor products = at::empty({kPlanes, n * in.grid.tiles(), out_channels});
      multiply(products, spread(winograd_input, in, from, in.first(chunk), n), filters, false);
      const float* const planes = products.const_data_ptr<float>();
      for (int64_t i = 0; i < n; ++i)
        winograd_output(out.grid, planes + i * image, n * image, bias,
                        to + (in.first(chunk) + i) * out.numel());
    }
  });
  return y;
}

// The gradient of weight from x [B, I, H, W] and dy [B, O, H, W].
at::Tensor weight_gradient(const at::Tensor& x, const at::Tensor& dy) {
  const Images in(x), out(dy);
  const float *const from = x.const_data_ptr<float>(), *const up = dy.const_data_ptr<float>();
  // If a sum [36, O, I] is small compared with its input planes, each thread has its own over a part of the
  // batch, whose planes stay in its cache; else all threads share one.
  const int64_t channels = in.grid.channels + out.grid.channels, threads = at::get_num_threads();
  const bool small =
      threads * in.grid.channels * out.grid.channels < in.count * in.grid.tiles() * channels;
  const int64_t parts = small ? std::min(threads, in.count) : 1;
  const int64_t values = small ? 1 << 17 : 1 << 21;  // in the planes of one product
  const int64_t at_once = std::max<int64_t>(1, values / (kPlanes * in.grid.tiles() * channels));
  std::vector<at::Tensor> sums(parts);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView no_autograd;
    for (int64_t part = begin; part < end; ++part) {
      at::Tensor& sum = sums[part];
      const int64_t last = (part + 1) * in.count / parts;
      for (int64_t first = part * in.count / parts; first < last; first += at_once) {
        const int64_t n = std::min(at_once, last - first);
        const at::Tensor gradients = spread(winograd_gradient, out, up, first, n).transpose(1, 2);
        const at::Tensor inputs = spread(winograd_input, in, from, first, n);
        const bool more = sum.defined();
        if (!more) sum = at::empty({kPlanes, out.grid.channels, in.grid.channels});
        multiply(sum, gradients, inputs, more);
      }
    }
  });
  for (int64_t part = 1; part < parts; ++part) sums[0] += sums[part];
  return filter_gradient(sums[0]);
}

struct WinogradFunction : torch::autograd::Function<WinogradFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, const at::Tensor& bias) {
    const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    context->save_for_backward({x, weight});
    return convolve(x, forward_filters(weight), bias.const_data_ptr<float>());
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor dx;
    if (context->needs_input_grad(0)) dx = convolve(dy, filter_planes(weight, true), nullptr);
    const bool trains = context->needs_input_grad(1);
    return {dx, trains ? weight_gradient(x, dy) : at::Tensor(),
            context->needs_input_grad(2) ? dy.sum(at::IntArrayRef{0, 2, 3}) : at::Tensor()};
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

bool winograd_pays(const at::Tensor& x, const at::Tensor& weight) {
  if (!in_float32(x, weight)) return false;
  const TileGrid grid{x.size(2), x.size(3), x.size(1)};
  const int64_t direct = grid.height * grid.width * 9, products = grid.tiles() * kPlanes;
  return std::min(weight.size(0), weight.size(1)) >= 32 && direct >= 2 * products;
}

at::Tensor winograd_conv3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  RECORD_FUNCTION("diffuse::conv3x3", std::vector<c10::IValue>({x, weight}));
  const at::Tensor y = WinogradFunction::apply(x.to(at::kFloat), weight, bias);
  return bf16_is_wanted() ? y.to(at::kBFloat16) : y;
}

}  // namespace diffuse::ops::cpu
