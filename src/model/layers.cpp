#include "diffuse/model/layers.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include <cmath>
#include <vector>

#include "diffuse/core/random.h"
#include "diffuse/model/winograd.h"

namespace diffuse {

at::Tensor Initializer::variance_scaling(at::IntArrayRef shape, double scale,
                                         at::MemoryFormat format) {
  at::Tensor values = at::empty(shape, at::TensorOptions(device_).memory_format(format));
  if (values.is_meta()) return values;
  const int64_t rows = shape[0], in = shape[1];
  const int64_t receptive = values[0][0].numel();  // kernel positions; 1 for a matrix
  const double mean_fan = static_cast<double>((rows + in) * receptive) / 2;
  const double bound = std::sqrt(3 * scale / mean_fan);

  const RandomStream stream(seed_, Purpose::kInit, drawn_++);
  const int64_t row_stride = values.stride(0), in_stride = values.stride(1);
  const int64_t position_stride = values.stride(-1);
  float* const out = values.data_ptr<float>();
  at::parallel_for(0, rows, (1 << 14) / (in * receptive) + 1, [&](int64_t begin, int64_t end) {
    RandomStream part = stream;
    part.seek(begin * in * receptive);
    std::vector<uint32_t> words(static_cast<size_t>(in * receptive));
    for (int64_t row = begin; row < end; ++row) {
      part.fill(words);
      const uint32_t* word = words.data();
      for (int64_t i = 0; i < in; ++i)
        for (int64_t position = 0; position < receptive; ++position) {
          const double u = (*word++ + 0.5) * 0x1p-32;  // (0, 1)
          out[row * row_stride + i * in_stride + position * position_stride] =
              static_cast<float>((2 * u - 1) * bound);
        }
    }
  });
  return values;
}

at::Tensor Initializer::normal(at::IntArrayRef shape) {
  at::Tensor values = at::empty(shape, device_);
  if (values.is_meta()) return values;
  RandomStream stream(seed_, Purpose::kInit, drawn_++);
  stream.fill_normal({values.data_ptr<float>(), static_cast<size_t>(values.numel())});
  return values;
}

at::Tensor Initializer::full(int64_t size, double value) const {
  return at::full({size}, value, at::TensorOptions(device_).dtype(at::kFloat));
}

static thread_local const LayerWatch::See* watcher = nullptr;

LayerWatch::LayerWatch(See see) : see_(std::move(see)) { watcher = &see_; }
LayerWatch::~LayerWatch() { watcher = nullptr; }

static at::Tensor watched(const torch::nn::Module& layer, at::Tensor output) {
  if (watcher != nullptr) (*watcher)(layer, output);
  return output;
}

Linear::Linear(Initializer& init, int64_t in, int64_t out, double scale)
    : weight_(register_parameter("weight", init.variance_scaling({out, in}, scale))),
      bias_(register_parameter("bias", init.full(out, 0))) {}

at::Tensor Linear::forward(const at::Tensor& x) const {
  return watched(*this, at::linear(x, weight_, bias_));
}

Conv2d::Conv2d(Initializer& init, int64_t in, int64_t out, const Window& window, double scale)
    : window_(window) {
  const int64_t height = window.signal ? 1 : window.kernel;
  // One position lies the same either way: LibTorch then expects the plain layout's strides.
  const auto format =
      window.kernel > 1 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  weight_ = register_parameter(
      "weight", init.variance_scaling({out, in, height, window.kernel}, scale, format));
  bias_ = register_parameter("bias", init.full(out, 0));
}

at::Tensor Conv2d::forward(const at::Tensor& x, const at::Tensor& more_bias) const {
  const auto& [kernel, stride, padding, signal] = window_;
  const at::Tensor bias = more_bias.defined() ? bias_ + more_bias : bias_;
  const bool same_size = stride == 1 && padding == 1 && weight_.size(2) == 3;
  if (same_size && winograd_pays(x, weight_))
    return watched(*this, winograd_conv3x3(x, weight_, bias));
  return watched(*this, at::conv2d(x, weight_, bias, {signal ? 1 : stride, stride},
                                   {signal ? 0 : padding, padding}));
}

// [B, C, H, W] -> [B H W, C]: no copy of what lies in the channels_last layout.
static at::Tensor pixel_rows(const at::Tensor& x) {
  return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)});
}

at::Tensor Conv2d::added_products(const at::Tensor& h, const at::Tensor& x,
                                  const at::Tensor& skip) const {
  at::Tensor sum = pixel_rows(h);
  int64_t first = 0;
  for (const at::Tensor& part : {x, skip}) {
    if (!part.defined()) continue;
    const at::Tensor filters = weight_.narrow(1, first, part.size(1)).flatten(1);  // [out, in]
    first += part.size(1);
    RECORD_FUNCTION("diffuse::add_product", std::vector<c10::IValue>({part, filters}));
    if (at::GradMode::is_enabled() || sum.scalar_type() != filters.scalar_type())
      sum = at::addmm(sum, pixel_rows(part), filters.t());
    else
      sum.addmm_(pixel_rows(part), filters.t());
  }
  return watched(*this, sum.view({h.size(0), h.size(2), h.size(3), -1}).permute({0, 3, 1, 2}));
}

GroupNorm::GroupNorm(const Initializer& init, int64_t groups, int64_t channels, double eps)
    : weight_(register_parameter("weight", init.full(channels, 1))),
      bias_(register_parameter("bias", init.full(channels, 0))),
      groups_(groups),
      eps_(eps) {}

at::Tensor GroupNorm::forward(const at::Tensor& x, Activation activation, const at::Tensor& shift,
                              const at::Tensor& skip) const {
  return watched(*this, group_norm(x, groups_, weight_, bias_, eps_, activation, shift, skip));
}

at::Tensor GroupNorm::modulated_silu(const at::Tensor& x, const at::Tensor& scale,
                                     const at::Tensor& offset) const {
  const at::Tensor gain = scale.to(weight_.scalar_type()) + 1;
  const at::Tensor bias = at::addcmul(offset.to(weight_.scalar_type()), bias_, gain);
  return watched(*this, group_norm(x, groups_, weight_ * gain, bias, eps_, Activation::kSilu));
}

Embedding::Embedding(Initializer& init, int64_t rows, int64_t width)
    : weight_(register_parameter("weight", init.normal({rows, width}))) {}

at::Tensor Embedding::forward(const at::Tensor& index) const {
  return watched(*this, at::embedding(weight_, index));
}

at::Tensor silu_consuming(at::Tensor x) {
  return at::GradMode::is_enabled() && x.requires_grad() ? at::silu(x) : at::silu_(x);
}

at::Tensor sinusoidal_embedding(const at::Tensor& t, int64_t width, bool cosines_first,
                                double frequency_shift) {
  const int64_t half = width / 2;
  const double step = -std::log(10000.0) / (static_cast<double>(half) - frequency_shift);
  const at::Tensor index = at::arange(half, t.options().dtype(at::kFloat));
  const at::Tensor angle = t.to(at::kFloat).unsqueeze(1) * (index * step).exp();  // [B, half]
  return cosines_first ? at::cat({angle.cos(), angle.sin()}, 1)
                       : at::cat({angle.sin(), angle.cos()}, 1);
}

TimeEmbedding::TimeEmbedding(Initializer& init, int64_t in, int64_t out)
    : linear_1_(register_module("linear_1", std::make_shared<Linear>(init, in, out))),
      linear_2_(register_module("linear_2", std::make_shared<Linear>(init, out, out))) {}

at::Tensor TimeEmbedding::forward(const at::Tensor& sinusoids) const {
  return linear_2_->forward(silu_consuming(linear_1_->forward(sinusoids)));
}

at::Tensor labels_or_none(const at::Tensor& labels, const at::Tensor& time, int64_t classes) {
  if (labels.defined()) return labels;
  return at::full(time.sizes(), classes, time.options().dtype(at::kLong));
}

at::Tensor zero_pad_channels(const at::Tensor& x, int64_t channels) {
  if (x.size(1) == channels) return x;
  std::vector<int64_t> shape = x.sizes().vec();
  shape[1] = channels - x.size(1);
  return at::cat({x, at::zeros(shape, x.options())}, 1);
}

}  // namespace diffuse
