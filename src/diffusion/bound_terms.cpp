#include "diffuse/diffusion/bound_terms.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

#include "src/diffusion/likelihood.h"

namespace diffuse {

// KL(q ‖ p_θ), at t = 0 −log p_θ(x_0 | x_1)                                                   eq. 7
at::Tensor bound_term(const Gaussian& posterior, const Gaussian& reverse, const at::Tensor& x0,
                      const at::Tensor& t, SampleKind kind) {
  const at::Tensor kl =
      normal_kl(posterior.mean, posterior.log_variance, reverse.mean, reverse.log_variance);
  const at::Tensor log_likelihood =
      kind == SampleKind::kImage
          ? discretized_gaussian_log_likelihood(x0, reverse.mean, reverse.log_variance)
          : gaussian_log_density(x0, reverse.mean, reverse.log_variance);
  return at::where(t == 0, -log_likelihood.flatten(1).mean(1), kl.flatten(1).mean(1)) /
         std::numbers::ln2;
}

// ½ (ᾱ_T x_0² + (1 − ᾱ_T) − 1 − log(1 − ᾱ_T))                                             L_T
at::Tensor prior_term(const NoiseSchedule& schedule, const at::Tensor& x0) {
  const double alpha_bar = schedule.alpha_bar()[-1].item<double>();
  const double at_zero = schedule.prior_bits_per_dim(0);
  return at_zero + x0.square().flatten(1).mean(1) * (0.5 * alpha_bar / std::numbers::ln2);
}

// ½ ((a² x_0² + s²) / size² − 1 − log(s² / size²))
at::Tensor prior_term(const Process& process, const at::Tensor& x0) {
  if (process.schedule() != nullptr) return prior_term(*process.schedule(), x0);
  const Level last = process.level(process.last_time());
  const double size = process.prior_std(last), noise = last.s / size, signal = last.a / size;
  const double at_zero = 0.5 * (noise * noise - 1) - std::log(noise);
  return (x0.square().flatten(1).mean(1) * (0.5 * signal * signal) + at_zero) / std::numbers::ln2;
}

}  // namespace diffuse
