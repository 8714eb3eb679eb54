#include "diffuse/diffusion/bound_terms.h"

#include <ATen/ATen.h>

#include <numbers>

#include "diffuse/diffusion/likelihood.h"

namespace diffuse {

at::Tensor bound_term(const Gaussian& posterior, const Gaussian& reverse, const at::Tensor& x0,
                      const at::Tensor& t) {
  const at::Tensor kl =
      normal_kl(posterior.mean, posterior.log_variance, reverse.mean, reverse.log_variance);
  const bool levels = x0.dim() == 4;
  const at::Tensor log_likelihood =
      levels ? discretized_gaussian_log_likelihood(x0, reverse.mean, reverse.log_variance)
             : gaussian_log_density(x0, reverse.mean, reverse.log_variance);
  return at::where(t == 0, -log_likelihood.flatten(1).mean(1), kl.flatten(1).mean(1)) /
         std::numbers::ln2;
}

at::Tensor prior_term(const NoiseSchedule& schedule, const at::Tensor& x0) {
  const double alpha_bar = schedule.alpha_bar()[-1].item<double>();
  const double at_zero = schedule.prior_bits_per_dim(0);
  return at_zero + x0.square().flatten(1).mean(1) * (0.5 * alpha_bar / std::numbers::ln2);
}

}  // namespace diffuse
