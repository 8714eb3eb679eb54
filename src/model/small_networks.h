// Networks for points: a multilayer perceptron, and exact networks for Gaussian data and mixtures.
#pragma once

#include <memory>
#include <optional>

#include "diffuse/model/network.h"
#include "src/model/embedding.h"

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
  // Throws Error naming the JSON path if the data are not points or the width is odd.
  Mlp(const ModelConfig& config, bool learned_variance, Initializer init);

  // x [B, D], or [B, 2D] if self-conditioned -> [B, D or 2D], dtype of x
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                     const Conditioning& given) override;
  bool self_conditioned() const override { return config_.self_conditioning; }

 private:
  ModelConfig config_;
  std::shared_ptr<Linear> input_, output_;
  std::optional<Embeddings> embed_;  // set by the constructor, after input_
  std::shared_ptr<ModuleList<MlpLayer>> layers_;
};

// p E[x_0 | x_t] + q E[epsilon | x_t] for data N(0, v I) and x_t = a x_0 + s epsilon, where
//   E[x_0 | x_t] = a v / (a^2 v + s^2) x_t,   E[epsilon | x_t] = s / (a^2 v + s^2) x_t
// No parameters; any sample shape.
class GaussianOracle : public Network {
 public:
  GaussianOracle(double variance, OracleView view) : variance_(variance), view_(std::move(view)) {}

  // x [B, ...] -> the same shape and dtype; the conditioning is ignored
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                     const Conditioning& given) override;

 private:
  double variance_;
  OracleView view_;
};

// The same for data sum_k w_k N(m_k, v I), by Tweedie's formula from the score of
// q(x_t) = sum_k w_k N(a m_k, u I), u = a^2 v + s^2:
//   epsilon = -s grad log q(x_t) = s / u (x_t - a m),   x_0 = m + a v / u (x_t - a m),
//   m = sum_k p(k | x_t) m_k
// No parameters; points only.
class MixtureOracle : public Network {
 public:
  // means [K, D], weights [K], unnormalised, v; kept in float64
  MixtureOracle(const at::Tensor& means, const at::Tensor& weights, double variance,
                OracleView view);

  // From a config whose sample_shape is set. Throws Error naming the JSON path if the means do not fit it.
  static std::shared_ptr<MixtureOracle> make(const ModelConfig& config, OracleView view);

  // x [B, D] -> the same shape and dtype; the conditioning is ignored
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                     const Conditioning& given) override;

 private:
  at::Tensor means_, log_weights_;
  double variance_;
  OracleView view_;
};

}  // namespace diffuse
