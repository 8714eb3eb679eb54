// The losses and the terms of the bound: the rest of GaussianDiffusion.
#include <ATen/ATen.h>

#include <numbers>

#include "at_time.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/diffusion/likelihood.h"

namespace diffuse {

// [B, ...] -> [B]
static at::Tensor mean_over_dims(const at::Tensor& x) { return x.flatten(1).mean(1); }

at::Tensor GaussianDiffusion::target(const at::Tensor& x0, const at::Tensor& x_t,
                                     const at::Tensor& t, const at::Tensor& eps) const {
  switch (quantity_) {
    case Quantity::kEpsilon:
      return eps;
    case Quantity::kX0:
      return x0;
    case Quantity::kV:
      return at_time(sqrt_alpha_bar_, t, x0) * eps - at_time(sqrt_one_minus_alpha_bar_, t, x0) * x0;
    case Quantity::kMu:
      return posterior(x0, x_t, t).mean;
  }
  TORCH_CHECK(false, "unreachable");
}

// (scale · (target − raw))² averaged over dimensions. Scaling before squaring keeps large weights
// of small errors in range.
at::Tensor GaussianDiffusion::squared_error(const at::Tensor& raw, const at::Tensor& x0,
                                            const at::Tensor& x_t, const at::Tensor& t,
                                            const at::Tensor& eps, const at::Tensor& scale) const {
  return mean_over_dims((at_time(scale, t, x0) * (target(x0, x_t, t, eps) - raw)).square());
}

at::Tensor GaussianDiffusion::loss(const Denoiser& denoiser, const at::Tensor& x0,
                                   const at::Tensor& t, const at::Tensor& eps) const {
  const at::Tensor x_t = q_sample(x0, t, eps);
  const at::Tensor output = denoiser(x_t, t);
  const auto steps = static_cast<double>(schedule_.timesteps());
  if (loss_ == Loss::kVlb) return steps * bound_term(predict(output, x_t, t, false), x0, x_t, t);
  const auto [raw, raw_variance] = split(output, x_t);
  const at::Tensor error = squared_error(raw, x0, x_t, t, eps, loss_scale_);
  if (loss_ != Loss::kHybrid) return error;
  const at::Tensor mean_held = at::cat({raw.detach(), raw_variance}, 1);
  return error + hybrid_lambda_ * steps * bound_term(predict(mean_held, x_t, t, false), x0, x_t, t);
}

at::Tensor GaussianDiffusion::epsilon_loss(const Denoiser& denoiser, const at::Tensor& x0,
                                           const at::Tensor& t, const at::Tensor& eps) const {
  const at::Tensor x_t = q_sample(x0, t, eps);
  return squared_error(split(denoiser(x_t, t), x_t).first, x0, x_t, t, eps, to_eps_);
}

at::Tensor GaussianDiffusion::bound_term(const Prediction& p, const at::Tensor& x0,
                                         const at::Tensor& x_t, const at::Tensor& t) const {
  const Gaussian q = posterior(x0, x_t, t);
  const at::Tensor kl = normal_kl(q.mean, q.log_variance, p.mean, p.log_variance);
  const bool levels = x0.dim() == 4;
  const at::Tensor nll = -(levels ? discretized_gaussian_log_likelihood(x0, p.mean, p.log_variance)
                                  : gaussian_log_density(x0, p.mean, p.log_variance));
  return at::where(t == 0, mean_over_dims(nll), mean_over_dims(kl)) / std::numbers::ln2;
}

at::Tensor GaussianDiffusion::vb_term(const Denoiser& denoiser, const at::Tensor& x0,
                                      const at::Tensor& t, const at::Tensor& eps,
                                      bool clip_x0) const {
  const at::Tensor x_t = q_sample(x0, t, eps);
  return bound_term(predict(denoiser(x_t, t), x_t, t, clip_x0), x0, x_t, t);
}

at::Tensor GaussianDiffusion::prior_term(const at::Tensor& x0) const {
  const double alpha_bar = schedule_.alpha_bar()[-1].item<double>();
  const double at_zero = schedule_.prior_bits_per_dim(0);
  return at_zero + mean_over_dims(x0.square()) * (0.5 * alpha_bar / std::numbers::ln2);
}

}  // namespace diffuse
