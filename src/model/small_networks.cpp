#include "src/model/small_networks.h"

#include <ATen/ATen.h>

#include "diffuse/core/error.h"
#include "linear.h"
#include "module_list.h"
#include "ops/silu.h"
#include "padding.h"
#include "src/model/compute_scope.h"

namespace diffuse {

// One residual layer:  h + linear(silu(h + time_proj(time)))
class MlpLayer : public torch::nn::Module {
 public:
  MlpLayer(Initializer& init, int64_t hidden);
  at::Tensor forward(const at::Tensor& h, const at::Tensor& time) const;  // [B, hidden] both

 private:
  std::shared_ptr<Linear> time_proj_, linear_;
};

MlpLayer::MlpLayer(Initializer& init, int64_t hidden)
    : time_proj_(register_module("time_proj", std::make_shared<Linear>(init, hidden, hidden))),
      linear_(register_module("linear", std::make_shared<Linear>(init, hidden, hidden))) {}

at::Tensor MlpLayer::forward(const at::Tensor& h, const at::Tensor& time) const {
  return h + linear_->forward(ops::silu_in_place(h + time_proj_->forward(time)));
}

static const ModelConfig& checked_mlp(const ModelConfig& config) {
  if (config.sample_shape.size() != 1) {
    throw Error(
        "/model/type: \"mlp\" needs points, but the data are images or signals; use \"unet\"");
  }
  if (config.condition_channels > 0)
    throw Error("/condition/type: expected none or vector, as the data are points");
  if (config.hidden % 2 != 0 || config.hidden < 4) {
    throw Error("/model/hidden: ", config.hidden,
                "; the time embedding needs an even number, at least 4");
  }
  return config;
}

Mlp::Mlp(const ModelConfig& config, bool learned_variance, Initializer init)
    : config_(checked_mlp(config)) {
  const int64_t dimensions = config.sample_shape[0], hidden = config.hidden;
  const int64_t inputs = config.self_conditioning ? 2 * dimensions : dimensions;
  input_ = register_module("input", std::make_shared<Linear>(init, inputs, hidden));
  embed_.emplace(*this, init, config, hidden, hidden);
  layers_ = register_module("layers", std::make_shared<ModuleList<MlpLayer>>());
  for (int64_t i = 0; i < config.layers; ++i) layers_->add(init, hidden);
  const int64_t outputs = learned_variance ? 2 * dimensions : dimensions;
  output_ = register_module("output", std::make_shared<Linear>(init, hidden, outputs, kNearZero));
}

at::Tensor Mlp::forward(const at::Tensor& x, const at::Tensor& time, const Conditioning& given) {
  const at::ScalarType type = ComputeScope::type_for(x);
  const at::Tensor embedding = (*embed_)(time, given, type);
  const int64_t inputs = config_.sample_shape[0] * (config_.self_conditioning ? 2 : 1);
  at::Tensor h = input_->forward(zero_pad_channels(x.to(type), inputs));
  for (const auto& layer : *layers_) h = layer->forward(h, embedding);
  return output_->forward(ops::silu_in_place(std::move(h))).to(x.scalar_type());
}

at::Tensor GaussianOracle::forward(const at::Tensor& x, const at::Tensor& time,
                                   const Conditioning&) {
  const auto [a, s, p, q, c_in] = view_(time);
  std::vector<int64_t> shape(x.dim(), 1);
  shape[0] = -1;
  const at::Tensor factor = (p * a * variance_ + q * s) / (a.square() * variance_ + s.square());
  return (x.to(at::kDouble) * (factor / c_in).view(shape)).to(x.scalar_type());
}

MixtureOracle::MixtureOracle(const at::Tensor& means, const at::Tensor& weights, double variance,
                             OracleView view)
    : means_(means.to(at::kDouble)),
      log_weights_(weights.to(at::kDouble).log()),
      variance_(variance),
      view_(std::move(view)) {
  TORCH_CHECK(means.dim() == 2 && weights.sizes() == at::IntArrayRef({means.size(0)}),
              "the oracle expected means [K, D] and weights [K], got ", means.sizes(), " and ",
              weights.sizes());
}

std::shared_ptr<MixtureOracle> MixtureOracle::make(const ModelConfig& config, OracleView view) {
  if (config.sample_shape.size() != 1)
    throw Error("/model/type: \"mixture_oracle\" needs points, but the data are images");
  const int64_t dimensions = config.sample_shape[0];
  const auto numbers = static_cast<int64_t>(config.means.size());
  if (numbers == 0 || numbers % dimensions != 0)
    throw Error("/model/means: expected ", dimensions, " numbers per component, got ", numbers);
  const at::Tensor means = at::tensor(config.means, at::kDouble).view({-1, dimensions});
  const at::Tensor weights = config.weights.empty() ? at::ones({means.size(0)}, at::kDouble)
                                                    : at::tensor(config.weights, at::kDouble);
  if (weights.size(0) != means.size(0))
    throw Error("/model/weights: expected ", means.size(0), ", one per component, got ",
                weights.size(0));
  return std::make_shared<MixtureOracle>(means, weights, config.variance, std::move(view));
}

at::Tensor MixtureOracle::forward(const at::Tensor& x, const at::Tensor& time,
                                  const Conditioning&) {
  if (means_.device() != x.device()) {  // not in each call, which could not be recorded
    means_ = means_.to(x.device());
    log_weights_ = log_weights_.to(x.device());
  }
  const OracleLevels view = view_(time);
  const auto column = [](const at::Tensor& values) { return values.unsqueeze(1); };  // [B, 1]
  const at::Tensor a = column(view.a), s = column(view.s);
  const at::Tensor spread = a.square() * variance_ + s.square();
  const at::Tensor points = x.to(at::kDouble) / column(view.c_in);
  const at::Tensor centres = a.unsqueeze(2) * means_;  // [B, K, D]
  const at::Tensor distance = (points.unsqueeze(1) - centres).square().sum(2);
  // Var[x_t | k] is the same for all k, so its normalisation cancels in p(k | x_t).
  const at::Tensor share =
      (log_weights_ - distance / (2 * spread)).softmax(1);  // p(k | x_t) [B, K]
  const at::Tensor mean = share.matmul(means_), rest = (points - a * mean) / spread;
  const at::Tensor x0 = mean + a * variance_ * rest;
  return (column(view.p) * x0 + column(view.q) * s * rest).to(x.scalar_type());
}

}  // namespace diffuse
