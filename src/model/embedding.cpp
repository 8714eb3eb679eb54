#include "embedding.h"

#include <ATen/ATen.h>

#include <cmath>

#include "ops/silu.h"
#include "src/model/layer_watch.h"

namespace diffuse {

Embedding::Embedding(Initializer& init, int64_t rows, int64_t width)
    : weight_(register_parameter("weight", init.normal({rows, width}))) {}

at::Tensor Embedding::forward(const at::Tensor& index) const {
  return LayerWatch::watched(*this, at::embedding(weight_, index));
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
  return linear_2_->forward(ops::silu_in_place(linear_1_->forward(sinusoids)));
}

at::Tensor embedded_condition(const TimeEmbedding& layers, const at::Tensor& condition,
                              const at::Tensor& time, int64_t n, at::ScalarType dtype) {
  if (condition.defined()) return layers.forward(condition.to(dtype));
  return layers.forward(at::zeros({time.size(0), n + 1}, time.options().dtype(dtype)));
}

at::Tensor labels_or_none(const at::Tensor& labels, const at::Tensor& time, int64_t classes) {
  if (labels.defined()) return labels;
  return at::full(time.sizes(), classes, time.options().dtype(at::kLong));
}

}  // namespace diffuse
