// The training losses, and the terms of the bound.
#include <ATen/ATen.h>

#include "broadcast.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "prediction.h"
#include "reverse_variance.h"
#include "src/diffusion/loss_weight.h"

namespace diffuse {

// The factor from an error in the network's prediction to one in ε: a / d; undefined for 1.
at::Tensor GaussianDiffusion::to_eps(const Levels& at) const {
  if (predicts_eps_) return {};
  const auto [p, q] = columns_(at);
  return at.a / (q * at.a - at.s * p);
}

// The same times the square root of the loss's weight.
at::Tensor GaussianDiffusion::loss_scale(const Levels& at) const {
  const auto weighted = [&](const at::Tensor& weight) {
    const at::Tensor factor = to_eps(at);
    return factor.defined() ? factor * weight.sqrt() : weight.sqrt();
  };
  if (loss_ == LossKind::kMse) return {};
  if (loss_ == LossKind::kMinSnr) return weighted(min_snr_weight(at, min_snr_gamma_));
  if (loss_ == LossKind::kEdm) return weighted(edm_weight(at, sigma_data_));
  if (loss_ != LossKind::kVlbWeighted) return to_eps(at);
  if (process_->schedule() == nullptr) return weighted(continuous_bound_weight(*process_, at.time));
  const Transition step = transition(at, process_->before(at.time));
  const at::Tensor variance = variance_->fixed_log(step, process_->first_log_variance()).exp();
  return weighted(bound_weight(step, variance));
}

// (scale · (p x_0 + q ε − y))² averaged over dimensions: [B]; scale may be undefined for 1. Scaling before squaring
// avoids overflow for large weights of small errors.
at::Tensor GaussianDiffusion::squared_error(const at::Tensor& y, const at::Tensor& x0,
                                            const at::Tensor& eps, const Levels& at,
                                            const at::Tensor& scale) const {
  at::Tensor target = eps;
  if (!predicts_eps_) {
    const auto [p, q] = columns_(at);
    target = along(p, x0) * x0 + along(q, x0) * eps;
  }
  const at::Tensor error = target - y;
  return (scale.defined() ? along(scale, x0) * error : error).square().flatten(1).mean(1);
}

// L_simple = E ‖ε − ε_θ‖², weighted, or the bound                                           eq. 10
at::Tensor GaussianDiffusion::loss(const Denoiser& denoiser, const at::Tensor& x0,
                                   const at::Tensor& t, const at::Tensor& eps) const {
  const Levels at = process_->levels(t);
  const at::Tensor x_t = q_sample(x0, at, eps);
  const at::Tensor output = denoiser(x_t, at.time);
  const auto whole_bound = [&](const at::Tensor& from) {
    return static_cast<double>(schedule().timesteps()) *
           bound_term(posterior(x0, x_t, t), predict(from, x_t, t, false), x0, t, kind_);
  };
  if (loss_ == LossKind::kVlb) return whole_bound(output);
  const auto [y, raw_variance] = split(output, x_t);
  const at::Tensor error = squared_error(y, x0, eps, at, loss_scale(at));
  if (loss_ != LossKind::kHybrid) return error;
  return error + hybrid_lambda_ * whole_bound(at::cat({y.detach(), raw_variance}, 1));
}

// ‖ε − ε_θ‖²                                                                                 eq. 10
at::Tensor GaussianDiffusion::epsilon_loss(const Denoiser& denoiser, const at::Tensor& x0,
                                           const at::Tensor& t, const at::Tensor& eps) const {
  const Levels at = process_->levels(t);
  const at::Tensor x_t = q_sample(x0, at, eps);
  return squared_error(split(denoiser(x_t, at.time), x_t).first, x0, eps, at, to_eps(at));
}

// L_{t−1} = KL(q(x_{t−1} | x_t, x_0) ‖ p_θ(x_{t−1} | x_t))                                    eq. 7
at::Tensor GaussianDiffusion::vb_term(const Denoiser& denoiser, const at::Tensor& x0,
                                      const at::Tensor& t, const at::Tensor& eps,
                                      bool clip_x0) const {
  const Levels at = process_->levels(t);
  const at::Tensor x_t = q_sample(x0, at, eps);
  const Prediction p = predict(denoiser(x_t, at.time), x_t, t, clip_x0);
  return bound_term(posterior(x0, x_t, t), p, x0, t, kind_);
}

}  // namespace diffuse
