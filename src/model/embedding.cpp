#include "embedding.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

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

Embeddings::Embeddings(torch::nn::Module& owner, Initializer& init, const ModelConfig& config,
                       int64_t in, int64_t out)
    : config_(config), in_(in) {
  time_ = owner.register_module("time_embedding", std::make_shared<TimeEmbedding>(init, in, out));
  if (config.classes > 0)
    class_ = owner.register_module("class_embedding",
                                   std::make_shared<Embedding>(init, config.classes + 1, out));
  if (config.condition_size > 0)
    vector_ = owner.register_module(
        "condition_embedding",
        std::make_shared<TimeEmbedding>(init, config.condition_size + 1, out));
}

at::Tensor Embeddings::labels_or_none(const at::Tensor& labels, const at::Tensor& time) const {
  if (labels.defined()) return labels;
  return at::full(time.sizes(), config_.classes, time.options().dtype(at::kLong));
}

at::Tensor Embeddings::vector_or_none(const at::Tensor& vector, const at::Tensor& time) const {
  if (vector.defined()) return vector;
  return at::zeros({time.size(0), config_.condition_size + 1}, time.options().dtype(at::kFloat));
}

at::Tensor Embeddings::operator()(const at::Tensor& time, const Conditioning& given,
                                  at::ScalarType dtype) const {
  const at::Tensor sinusoids = sinusoidal_embedding(time.to(at::kFloat) * config_.time_scale, in_,
                                                    config_.time_embedding == TimeHalves::kCosSin,
                                                    config_.time_frequency_shift);
  at::Tensor sum = time_->forward(sinusoids.to(dtype));
  if (class_) sum = sum + class_->forward(labels_or_none(given.labels, time)).to(dtype);
  if (vector_) sum = sum + vector_->forward(vector_or_none(given.condition, time).to(dtype));
  return ops::silu_in_place(std::move(sum));
}

}  // namespace diffuse
