// The forward process q, the reverse process p_θ and the losses between them: one function per
// equation of the post. The network is any callable.
//
// Shapes: x0, x_t, eps [B, C, H, W] or [B, D]; t [B] int64 table rows (the post's t minus one) on
// x's device. Per-sample results are [B], averaged over dimensions. Everything that follows from
// the schedule is derived in float64 and cast once, to x's type.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <utility>
#include <vector>

#include "diffuse/diffusion/bound_terms.h"
#include "diffuse/diffusion/noise_schedule.h"

namespace diffuse {

// The network's raw output for x_t at t: epsilon, x0, v or mu, followed in dimension 1 by as many
// channels again when the variance is learned. Labels and guidance are already bound in.
using Denoiser = std::function<at::Tensor(const at::Tensor& x_t, const at::Tensor& t)>;

// Throws Error naming the JSON path where x_0 cannot be had at t = T: from epsilon where no signal is
// left (ᾱ_T = 0).
void check_last_step(const DiffusionConfig& config, const NoiseSchedule& schedule);

// Throws Error naming the JSON path where the loss cannot train what the network is to give. Sampling
// asks nothing of the loss.
void check_trainable(const DiffusionConfig& config);

class GaussianDiffusion {
 public:
  // Throws Error naming the JSON path for an unknown name.
  explicit GaussianDiffusion(const DiffusionConfig& config);

  const NoiseSchedule& schedule() const { return schedule_; }
  bool learns_variance() const { return variance_ >= Variance::kLearned; }

  // The chain that visits only the listed timesteps (falling, each in 0 .. T−1): row i is the i-th
  // from the end, with β'_i = 1 − ᾱ_{τ_i} / ᾱ_{τ_{i−1}}. The network is still to be given the
  // original timestep, the other functions the row.                       [Nichol21] eq. 19
  GaussianDiffusion respaced(const std::vector<int64_t>& timesteps) const;

  // Moves the tables; optional: tables elsewhere than t are copied on each use.
  void to(at::Device device);

  // Draws from q(x_t | x_{t−1}):  x_t = √(1 − β) x_{t−1} + √β ε
  at::Tensor q_step(const at::Tensor& x_prev, const at::Tensor& t, const at::Tensor& eps) const;

  // Draws from q(x_t | x_0):  x_t = √ᾱ x_0 + √(1 − ᾱ) ε                                     eq. 5
  at::Tensor q_sample(const at::Tensor& x0, const at::Tensor& t, const at::Tensor& eps) const;

  // q(x_{t−1} | x_t, x_0); at row 0 the variance is 0 and its logarithm row 1's.            eq. 3
  Gaussian posterior(const at::Tensor& x0, const at::Tensor& x_t, const at::Tensor& t) const;

  // What the network's output says: x_0 and ε, and p_θ(x_{t−1} | x_t).
  // At row 0 a fixed log-variance is log β̃ of row 1, as L_0 wants it; a sampler adds no noise there.
  struct Prediction : Gaussian {
    at::Tensor x0, eps;
  };
  // clip_x0 clamps x_0 to [−1, 1] first, and ε and the mean follow from it.                 eq. 6, 8
  Prediction predict(const at::Tensor& output, const at::Tensor& x_t, const at::Tensor& t,
                     bool clip_x0) const;
  // Puts another x_0 in place of the network's; ε and the mean follow from it.
  void replace_x0(Prediction& p, const at::Tensor& x0, const at::Tensor& x_t,
                  const at::Tensor& t) const;

  // What training minimises, by config.loss, with the squared error measured in ε whatever the
  // network predicts:
  //   simple        ‖ε − ε_θ‖²                                                               eq. 10
  //   vlb_weighted  eq. 9's weight on it, in nats; σ² of row 0 is β̃ of row 1
  //   min_snr       min(snr, γ) / snr on it                                         [Hang23] eq. 7
  //   mse           error in the network's own quantity instead: the only one of these that
  //                 trains a step without signal (ᾱ = 0)
  //   vlb           T · bound_term: its mean over t is the bound less L_T, in bits
  //   hybrid        simple + λ T · bound_term with the mean held fixed            [Nichol21] eq. 16
  at::Tensor loss(const Denoiser& denoiser, const at::Tensor& x0, const at::Tensor& t,
                  const at::Tensor& eps) const;

  // ‖ε − ε_θ‖² whatever config.loss is: for held-out figures that can be compared.
  at::Tensor epsilon_loss(const Denoiser& denoiser, const at::Tensor& x0, const at::Tensor& t,
                          const at::Tensor& eps) const;

  // bound_term of each sample at its row of t, in bits per dimension.
  at::Tensor vb_term(const Denoiser& denoiser, const at::Tensor& x0, const at::Tensor& t,
                     const at::Tensor& eps, bool clip_x0) const;

 private:
  enum class Variance { kFixedLarge, kFixedSmall, kLearned, kLearnedRange };
  enum class Loss { kSimple, kVlbWeighted, kMinSnr, kMse, kVlb, kHybrid };

  void derive_tables();
  std::pair<at::Tensor, at::Tensor> split(const at::Tensor& output, const at::Tensor& x_t) const;
  at::Tensor squared_error(const at::Tensor& y, const at::Tensor& x0, const at::Tensor& t,
                           const at::Tensor& eps, const at::Tensor& scale) const;

  NoiseSchedule schedule_;
  bool predicts_eps_;
  Variance variance_;
  Loss loss_;
  double hybrid_lambda_, min_snr_gamma_;

  // [T] float64
  at::Tensor a_, s_;      // x_t = a x_0 + s ε
  at::Tensor p_, q_, d_;  // the network's output is p x_0 + q ε; d = q a − s p
  at::Tensor coef_x0_, coef_xt_, posterior_variance_, posterior_log_variance_;
  at::Tensor fixed_variance_, fixed_log_variance_, log_beta_;
  at::Tensor to_eps_;      // error in the network's quantity -> error in ε
  at::Tensor loss_scale_;  // the same times the root of the loss's weight
};

}  // namespace diffuse
