#include "src/train/muon.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace diffuse {

static at::Tensor as_matrix(const at::Tensor& x) { return x.reshape({x.size(0), -1}); }

bool is_matrix(const at::Tensor& parameter) {
  return parameter.dim() >= 2 && parameter.size(0) > 1 && parameter.numel() > parameter.size(0);
}

// X <- a X + (b A + c A²) X with A = X X^T                                            [Jordan24]
at::Tensor orthogonalised(const at::Tensor& matrix) {
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = tall ? matrix.t() : matrix;
  x = x / (x.norm() + 1e-7);
  for (int i = 0; i < 5; ++i) {
    const at::Tensor a = x.matmul(x.t());
    x = kA * x + (kB * a + kC * a.matmul(a)).matmul(x);
  }
  return tall ? x.t() : x;
}

static bool is_for_muon(const TrainConfig& config, const at::Tensor& parameter) {
  return config.optimizer == OptimizerKind::kMuon && is_matrix(parameter);
}

// Of what there is for each parameter, if anything, that of Muon's parameters or the others.
template <class T>
static std::vector<T> part_of(const TrainConfig& config, const std::vector<at::Tensor>& parameters,
                              const std::vector<T>& all, bool muon) {
  std::vector<T> part;
  for (size_t i = 0; i < all.size(); ++i)
    if (is_for_muon(config, parameters[i]) == muon) part.push_back(all[i]);
  return part;
}

Optimizer::Optimizer(const TrainConfig& config, const std::vector<at::Tensor>& parameters,
                     c10::Device device, const std::vector<double>& factors)
    : config_(config),
      matrices_(part_of(config, parameters, parameters, true)),
      matrix_factors_(part_of(config, parameters, factors, true)),
      adam_(config, part_of(config, parameters, parameters, false), device,
            part_of(config, parameters, factors, false)) {
  if (factors.empty()) matrix_factors_.assign(matrices_.size(), 1);
  for (const at::Tensor& matrix : matrices_) momentum_.push_back(at::zeros_like(matrix));
  auto momentum = momentum_.begin();
  auto first = adam_.first_moment().begin(), second = adam_.second_moment().begin();
  for (const at::Tensor& parameter : parameters) {
    const bool muon = is_for_muon(config, parameter);
    first_moment_.push_back(muon ? *momentum++ : *first++);
    second_moment_.push_back(muon ? at::Tensor() : *second++);
  }
}

// With η times the matrix's factor:
// M <- μ M + (1 − μ) G,  W <- (1 − η w) W − 0.2 √max(rows, columns) η O(μ M + (1 − μ) G)
void Optimizer::step(double learning_rate, const at::Tensor& found_inf) {
  const at::NoGradGuard no_grad;
  const double mu = config_.muon_momentum;
  const at::Tensor skipped = found_inf > 0;
  for (size_t i = 0; i < matrices_.size(); ++i) {
    const at::Tensor &weight = matrices_[i], &gradient = weight.grad();
    if (!gradient.defined()) continue;
    const at::Tensor momentum = at::lerp(momentum_[i], gradient, 1 - mu);
    const at::Tensor direction = as_matrix(at::lerp(gradient, momentum, mu));  // Nesterov's
    const auto larger = static_cast<double>(std::max(direction.size(0), direction.size(1)));
    const at::Tensor change = orthogonalised(direction).reshape(weight.sizes());
    const double rate = learning_rate * matrix_factors_[i];
    const at::Tensor next =
        weight * (1 - rate * config_.weight_decay) - change * (0.2 * std::sqrt(larger) * rate);
    momentum_[i].copy_(at::where(skipped, momentum_[i], momentum));
    weight.copy_(at::where(skipped, weight, next));
  }
  adam_.step(learning_rate, found_inf);
}

}  // namespace diffuse
