// UniPC: a multistep predictor whose result the next network call corrects, without calls of its own.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/sample/level_sampler.h"

namespace diffuse {

namespace {

// The variant B(h) = e^h − 1 for predictions of x_0, as diffusers' UniPCMultistepScheduler computes it
// ("bh2").                                                                            [Zhao23]
class UniPcSampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor& x, const Denoised& d, const Level& from, int64_t i) override;

  // From x at the last answer's level to `to` with the last `order` answers, and the one at `to` if it is
  // defined.
  at::Tensor update(const at::Tensor& x, const Level& to, int64_t order,
                    const at::Tensor& x0_there) const;

  // The network's x_0 at levels with signal, newest last.
  struct Answer {
    Level level;
    at::Tensor x0;
  };
  std::vector<Answer> answers_;
  at::Tensor x_;       // corrected, at the newest answer's level
  int64_t order_ = 1;  // of the step from there
  int64_t last_ = -1;
};

double lambda(const Level& level) { return std::log(level.a / level.s); }

// ρ that solves Σ_j r_j^k ρ_j = b_k, k = 0 .. n − 1.
std::vector<double> solve(const std::vector<double>& r, const std::vector<double>& b) {
  const auto n = static_cast<int64_t>(r.size());
  if (n == 0) return {};
  at::Tensor powers = at::empty({n, n}, at::kDouble);
  for (int64_t k = 0; k < n; ++k)
    for (int64_t j = 0; j < n; ++j)
      powers[k][j] = std::pow(r[static_cast<size_t>(j)], static_cast<double>(k));
  const at::Tensor rho = at::linalg_solve(powers, at::tensor(b, at::kDouble));
  return {rho.const_data_ptr<double>(), rho.const_data_ptr<double>() + n};
}

}  // namespace

// x' = (s'/s) x − a' (e^−h − 1) (x_0 + Σ_j ρ_j D_j / r_j), D_j = x_0,j − x_0, r_j = (λ_j − λ) / h
at::Tensor UniPcSampler::update(const at::Tensor& x, const Level& to, int64_t order,
                                const at::Tensor& x0_there) const {
  const Answer& newest = answers_.back();
  const double h = lambda(to) - lambda(newest.level), decay = std::expm1(-h);
  std::vector<at::Tensor> slopes;
  std::vector<double> r;
  for (int64_t j = 1; j < order; ++j) {
    const Answer& older = answers_[answers_.size() - 1 - static_cast<size_t>(j)];
    r.push_back((lambda(older.level) - lambda(newest.level)) / h);
    slopes.push_back((older.x0 - newest.x0) / r.back());
  }
  if (x0_there.defined()) {
    r.push_back(1);
    slopes.push_back(x0_there - newest.x0);
  }
  std::vector<double> b;  // φ_{k+1}(−h) k! / (e^−h − 1)
  double phi = decay / -h - 1, factorial = 1;
  for (size_t k = 1; k <= r.size(); ++k) {
    b.push_back(phi * factorial / decay);
    factorial *= static_cast<double>(k + 1);
    phi = phi / -h - 1 / factorial;
  }
  // Like diffusers, 1/2 for a single ρ, whatever h is.
  const std::vector<double> rho = r.size() == 1 ? std::vector<double>{0.5} : solve(r, b);
  at::Tensor x0 = newest.x0;
  for (size_t j = 0; j < slopes.size(); ++j) x0 = x0 + slopes[j] * rho[j];
  return x * (to.s / newest.level.s) - x0 * (to.a * decay);
}

at::Tensor UniPcSampler::advance(const at::Tensor& x, const Denoised& d, const Level& from,
                                 int64_t i) {
  if (last_ != i - 1) answers_.clear();
  last_ = i;
  x_ = answers_.empty() ? x : update(x_, from, order_, d.x0);
  const bool no_signal = from.a == 0;  // λ is infinite there
  answers_.push_back({from, d.x0});
  const auto known = std::min<int64_t>(std::ssize(answers_), options().unipc_order);
  order_ = std::min(known, count() - i);  // down to 1 in the last steps
  if (is_last(i) || no_signal) {
    if (no_signal) answers_.clear();
    return jump(d.x0, d.eps, from, i, 0);
  }
  if (std::ssize(answers_) > options().unipc_order) answers_.erase(answers_.begin());
  return update(x_, level(i + 1), order_, {});
}

std::unique_ptr<Sampler> make_unipc(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                    const SamplerOptions& options, NoiseSource noise) {
  return std::make_unique<UniPcSampler>(diffusion, std::move(denoiser), options, std::move(noise));
}

}  // namespace diffuse
