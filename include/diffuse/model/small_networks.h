// The networks for points: a multilayer perceptron, and the exact answers for Gaussian data and
// mixtures.
#pragma once

#include <memory>

#include "diffuse/model/network.h"

namespace diffuse {

class Embedding;
class Initializer;
class Linear;
class MlpLayer;
class TimeEmbedding;
template <class T>
class ModuleList;

class Mlp : public Network {
 public:
  // Throws Error naming the JSON path where the data are no points or the width is odd.
  Mlp(const ModelConfig& config, bool learned_variance, Initializer init);

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

// E[epsilon | x_t] for data sum_k w_k N(m_k, s^2 I), by Tweedie's formula from the score of
// q(x_t) = sum_k w_k N(sqrt(alpha_bar) m_k, v I), v = alpha_bar s^2 + 1 - alpha_bar:
//   epsilon = -sqrt(1 - alpha_bar) grad log q(x_t)
//           = sqrt(1 - alpha_bar) / v (x_t - sqrt(alpha_bar) sum_k p(k | x_t) m_k)
// No parameters; points only.
class MixtureOracle : public Network {
 public:
  // means [K, D], weights [K] in proportion, s^2, alpha_bar [T]; kept in float64
  MixtureOracle(const at::Tensor& means, const at::Tensor& weights, double variance,
                const at::Tensor& alpha_bar);

  // From a config with its sample_shape filled in. Throws Error naming the JSON path where the
  // means do not fit it.
  static std::shared_ptr<MixtureOracle> make(const ModelConfig& config,
                                             const at::Tensor& alpha_bar);

  // x [B, D] -> the same shape and dtype; labels are not looked at
  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& labels) override;

 private:
  at::Tensor means_, log_weights_, alpha_bar_;
  double variance_;
};

}  // namespace diffuse
