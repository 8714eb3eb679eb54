// The forward process q, the reverse process p_θ and the losses between them: one function per
// equation of the post. The network is any callable.
//
// Shapes: x0, x_t, eps [B, C, H, W] or [B, D]; t [B] times of the process, of any dtype, on x's device:
// for the chain table rows, the post's t minus one. Per-sample results are [B], averaged over dimensions.
// Everything derived from the noise levels is computed in float64 and cast once, to x's dtype.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <utility>

#include "diffuse/diffusion/bound_terms.h"
#include "diffuse/diffusion/diffusion_checks.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "diffuse/diffusion/process.h"

namespace diffuse {

struct Columns;
class ReverseVariance;

// The network's raw output for x_t at times t [B] float64: epsilon, x0, v, ..., followed in dimension 1 by as
// many channels again if the variance is learned. Labels and guidance are already bound.
using Denoiser = std::function<at::Tensor(const at::Tensor& x_t, const at::Tensor& t)>;

class GaussianDiffusion {
 public:
  // `kind`: the kind of sample, for L_0. Throws Error naming the JSON path for an unknown name.
  explicit GaussianDiffusion(const DiffusionConfig& config, SampleKind kind = SampleKind::kPoint);

  const Process& process() const { return *process_; }
  const NoiseSchedule& schedule() const;  // only of a chain
  bool learns_variance() const;
  double sigma_data() const { return sigma_data_; }

  // The network's input for x_t, [B, C, ...], at t: c_in x_t and the time as the network gets it. c_in is 1
  // unless x_t grows with the noise or the network predicts edm's F.              [Karras22] eq. 7
  struct NetworkInput {
    at::Tensor x, time;
  };
  NetworkInput input(const at::Tensor& x_t, const at::Tensor& t) const;

  // The same from the network's side: from its time input [B], float64, the noise levels, the correct output
  // p x_0 + q ε, and c_in.
  struct NetworkView {
    Levels at;
    at::Tensor p, q, c_in;
  };
  NetworkView view(const at::Tensor& told) const;

  // Draws from q(x_t | x_0):  x_t = a x_0 + s ε                                             eq. 5
  at::Tensor q_sample(const at::Tensor& x0, const at::Tensor& t, const at::Tensor& eps) const;
  at::Tensor q_sample(const at::Tensor& x0, const Levels& at, const at::Tensor& eps) const;

  // Draws from q(x_t | x_{t'}), from the cleaner level t' to t; for the chain √(1 − β) x_{t−1} + √β ε.
  at::Tensor q_step(const at::Tensor& x, const Level& from, const Level& to,
                    const at::Tensor& eps) const;

  // q(x_{t−1} | x_t, x_0) of the chain; in row 0 the variance is 0, and its logarithm row 1's. eq. 3
  Gaussian posterior(const at::Tensor& x0, const at::Tensor& x_t, const at::Tensor& t) const;
  // q(x_{t'} | x_t, x_0) for a cleaner level t' of any process.
  Gaussian posterior(const at::Tensor& x0, const at::Tensor& x_t, const Levels& from,
                     const Levels& to) const;

  // The network's output as estimates of x_0 and ε.
  struct Denoised {
    at::Tensor x0, eps;
    at::Tensor raw_variance;  // undefined if the variance is fixed
  };
  // clip_x0 clamps x_0 to [−1, 1] first, and ε follows from it.                             eq. 6
  Denoised denoised(const at::Tensor& output, const at::Tensor& x_t, const at::Tensor& t,
                    bool clip_x0) const;
  Denoised denoised(const at::Tensor& output, const at::Tensor& x_t, const Levels& at,
                    bool clip_x0) const;
  // Puts another x_0 in place of the network's; ε follows from it.
  void replace_x0(Denoised& d, const at::Tensor& x0, const at::Tensor& x_t, const Levels& at) const;

  // p_θ(x_{t'} | x_t) for the cleaner level t'. At the data a fixed log-variance is that of the
  // process's first step, for L_0; a sampler adds no noise there.                           eq. 8
  Gaussian reverse(const Denoised& d, const at::Tensor& x_t, const Levels& from,
                   const Levels& to) const;

  // Both, for the steps of the chain.
  struct Prediction : Denoised, Gaussian {};
  Prediction predict(const at::Tensor& output, const at::Tensor& x_t, const at::Tensor& t,
                     bool clip_x0) const;

  // The training loss config.loss; the squared error is measured in ε whatever the network predicts,
  // unless noted:
  //   simple        ‖ε − ε_θ‖²                                                               eq. 10
  //   vlb_weighted  that times eq. 9's weight, in nats; σ² of row 0 is β̃ of row 1
  //                 in continuous time ½ d(−log snr) of an even step                 [Kingma21] eq. 17
  //   min_snr       times min(snr, γ) / snr                                          [Hang23] eq. 7
  //   edm           (σ² + σ_d²) / (σ σ_d)² on the error of x_0                     [Karras22] Table 1
  //   mse           the error in the network's own quantity: the only one of these that trains
  //                 a step without signal (ᾱ = 0)
  //   vlb           T · bound_term: its mean over t is the bound minus L_T, in bits
  //   hybrid        simple + λ T · bound_term with the mean held fixed            [Nichol21] eq. 16
  at::Tensor loss(const Denoiser& denoiser, const at::Tensor& x0, const at::Tensor& t,
                  const at::Tensor& eps) const;

  // ‖ε − ε_θ‖² whatever config.loss is: for comparable validation losses.
  at::Tensor epsilon_loss(const Denoiser& denoiser, const at::Tensor& x0, const at::Tensor& t,
                          const at::Tensor& eps) const;

  // bound_term of each sample at its row of t, in bits per dimension.
  at::Tensor vb_term(const Denoiser& denoiser, const at::Tensor& x0, const at::Tensor& t,
                     const at::Tensor& eps, bool clip_x0) const;

 private:
  std::pair<at::Tensor, at::Tensor> split(const at::Tensor& output, const at::Tensor& x_t) const;
  at::Tensor c_in(const Levels& at) const;
  at::Tensor to_eps(const Levels& at) const;
  at::Tensor loss_scale(const Levels& at) const;
  at::Tensor squared_error(const at::Tensor& y, const at::Tensor& x0, const at::Tensor& eps,
                           const Levels& at, const at::Tensor& scale) const;

  std::shared_ptr<const Process> process_;
  std::function<Columns(const Levels&)> columns_;  // y = p x_0 + q ε
  std::shared_ptr<const ReverseVariance> variance_;
  bool predicts_eps_;
  LossKind loss_;
  double hybrid_lambda_, min_snr_gamma_, sigma_data_;
  bool scales_input_;
  SampleKind kind_;
};

// A denoiser from a network whose inputs are those of input(). The diffusion must outlive it.
Denoiser preconditioned(const GaussianDiffusion& diffusion, Denoiser network);

}  // namespace diffuse
