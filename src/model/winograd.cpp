#include "diffuse/model/winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "winograd_kernel.h"

namespace diffuse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int64_t kRows = 32;  // rows of a matrix product from which it runs at full speed

// G (x) G: [36, 9], from the nine values of a filter to its planes.
const at::Tensor& filter_matrix() {
  static const at::Tensor matrix = [] {
    const at::Tensor g =
        at::tensor({1.0 / 4, 0.0, 0.0, -1.0 / 6, -1.0 / 6, -1.0 / 6, -1.0 / 6, 1.0 / 6, -1.0 / 6,
                    1.0 / 24, 1.0 / 12, 1.0 / 6, 1.0 / 24, -1.0 / 12, 1.0 / 6, 0.0, 0.0, 1.0},
                   at::kDouble)
            .view({6, 3});
    return at::kron(g, g).to(at::kFloat);
  }();
  return matrix;
}

// [O, I, 3, 3] -> [36, I, O]
at::Tensor filter_planes(const at::Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const at::Tensor taps = weight.permute({2, 3, 1, 0}).reshape({9, in * out});
  return filter_matrix().mm(taps).view({kPlanes, in, out});
}

thread_local WinogradFilters* kept_filters = nullptr;

// The same, kept where a scope says so.
at::Tensor forward_filters(const at::Tensor& weight) {
  if (kept_filters == nullptr) return filter_planes(weight);
  at::Tensor& planes = (*kept_filters)[weight.const_data_ptr()];
  if (!planes.defined()) planes = filter_planes(weight);
  return planes;
}

// [36, I, O] -> [O, I, 3, 3]: the transpose of filter_planes, for gradients.
at::Tensor filter_gradient(const at::Tensor& planes) {
  const int64_t in = planes.size(1), out = planes.size(2);
  const at::Tensor taps = filter_matrix().t().mm(planes.view({kPlanes, in * out}));
  return taps.view({3, 3, in, out}).permute({3, 2, 0, 1});
}

// A batch of images in channels_last, cut into chunks of whole images with tiles enough for a
// product.
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

// The planes [36, tiles, C] of a chunk.
at::Tensor spread(Spread transform, const Images& images, const float* data, int64_t chunk) {
  const int64_t n = images.size(chunk), tiles = images.grid.tiles();
  const int64_t image = tiles * images.grid.channels;
  at::Tensor planes = at::empty({kPlanes, n * tiles, images.grid.channels});
  float* const out = planes.mutable_data_ptr<float>();
  for (int64_t i = 0; i < n; ++i)
    transform(images.grid, data + (images.first(chunk) + i) * images.numel(), out + i * image,
              n * image);
  return planes;
}

// x [B, I, H, W], filters [36, I, O] -> [B, O, H, W]
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
      const at::Tensor products = spread(winograd_input, in, from, chunk).bmm(filters);
      const float* const planes = products.const_data_ptr<float>();
      const int64_t n = in.size(chunk), image = in.grid.tiles() * out_channels;
      for (int64_t i = 0; i < n; ++i)
        winograd_output(out.grid, planes + i * image, n * image, bias,
                        to + (in.first(chunk) + i) * out.numel());
    }
  });
  return y;
}

// The gradient of weight from x [B, I, H, W] and dy [B, O, H, W]. Threads sum over equal parts of
// the batch, which are added up in order.
at::Tensor weight_gradient(const at::Tensor& x, const at::Tensor& dy) {
  const Images in(x), out(dy);
  const float *const from = x.const_data_ptr<float>(), *const up = dy.const_data_ptr<float>();
  const int64_t parts = std::min<int64_t>(at::get_num_threads(), in.chunks());
  std::vector<at::Tensor> sums(parts);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView no_autograd;
    for (int64_t part = begin; part < end; ++part) {
      at::Tensor sum = at::zeros({kPlanes, in.grid.channels, out.grid.channels});
      const int64_t last = (part + 1) * in.chunks() / parts;
      for (int64_t chunk = part * in.chunks() / parts; chunk < last; ++chunk)
        sum.baddbmm_(spread(winograd_input, in, from, chunk).transpose(1, 2),
                     spread(winograd_gradient, out, up, chunk));
      sums[part] = sum;
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
    if (context->needs_input_grad(0))
      dx = convolve(dy, filter_planes(weight.flip({2, 3}).transpose(0, 1)), nullptr);
    return {dx, weight_gradient(x, dy), dy.sum(at::IntArrayRef{0, 2, 3})};
  }
};

}  // namespace

WinogradFilterScope::WinogradFilterScope(WinogradFilters& filters)
    : outer_(std::exchange(kept_filters, &filters)) {}

WinogradFilterScope::~WinogradFilterScope() { kept_filters = outer_; }

bool winograd_pays(const at::Tensor& x, const at::Tensor& weight) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat || weight.scalar_type() != at::kFloat ||
      at::autocast::is_autocast_enabled(at::kCPU))
    return false;
  const TileGrid grid{x.size(2), x.size(3), x.size(1)};
  const int64_t direct = grid.height * grid.width * 9, products = grid.tiles() * kPlanes;
  return std::min(weight.size(0), weight.size(1)) >= 32 && direct >= 2 * products;
}

at::Tensor winograd_conv3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  RECORD_FUNCTION("diffuse::conv3x3", std::vector<c10::IValue>({x, weight}));
  return WinogradFunction::apply(x, weight, bias);
}

}  // namespace diffuse
