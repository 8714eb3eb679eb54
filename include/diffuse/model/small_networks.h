// The networks for points: a multilayer perceptron, and the exact answer for Gaussian data.
#pragma once

#include <memory>

#include "diffuse/model/layers.h"
#include "diffuse/model/network.h"

namespace diffuse {

// One residual layer:  h + linear(silu(h + time_proj(time)))
class MlpLayer : public torch::nn::Module {
 public:
  MlpLayer(Initializer& init, int64_t hidden);
  at::Tensor forward(const at::Tensor& h, const at::Tensor& time) const;  // [B, hidden] both

 private:
  std::shared_ptr<Linear> time_proj_, linear_;
};

class Mlp : public Network {
 public:
  // Throws Error naming the JSON path where the data are no points or the width is odd.
  Mlp(const ModelConfig& config, bool learned_variance, uint64_t seed);

  // x [B, D], or [B, 2D] where self-conditioned -> [B, D or 2D], dtype of x
  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& labels) override;
  bool self_conditioned() const override { return config_.self_conditioning; }

 private:
  ModelConfig config_;
  std::shared_ptr<Linear> input_, output_;
  std::shared_ptr<TimeEmbedding> time_embedding_;
  std::shared_ptr<Embedding> class_embedding_;  // null without classes; the last row is "no class"
  std::shared_ptr<ModuleList<MlpLayer>> layers_;
};

// E[epsilon | x_t] for data N(0, s^2 I):  sqrt(1 - alpha_bar_t) / (alpha_bar_t s^2 + 1 - alpha_bar_t) x_t
// No parameters; any sample shape.
class GaussianOracle : public Network {
 public:
  GaussianOracle(double variance, const at::Tensor& alpha_bar);  // s^2, [T]

  // x [B, ...] -> the same shape and dtype; labels are not looked at
  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& labels) override;

 private:
  at::Tensor factor_;  // [T] float64; not a buffer, so that Module::to cannot round it
};

}  // namespace diffuse
