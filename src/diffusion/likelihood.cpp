#include "src/diffusion/likelihood.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

namespace diffuse {

at::Tensor normal_kl(const at::Tensor& mean1, const at::Tensor& log_variance1,
                     const at::Tensor& mean2, const at::Tensor& log_variance2) {
  return 0.5 * (log_variance2 - log_variance1 - 1 + (log_variance1 - log_variance2).exp() +
                (mean1 - mean2).square() * (-log_variance2).exp());
}

at::Tensor gaussian_log_density(const at::Tensor& x, const at::Tensor& mean,
                                const at::Tensor& log_variance) {
  return -0.5 * (std::log(2 * std::numbers::pi) + log_variance +
                 (x - mean).square() * (-log_variance).exp());
}

// log(Φ((x + 1/255 − μ) / σ) − Φ((x − 1/255 − μ) / σ))                               [Ho20] eq. 13
at::Tensor discretized_gaussian_log_likelihood(const at::Tensor& x, const at::Tensor& mean,
                                               const at::Tensor& log_variance) {
  // float64: in float32 log_ndtr's gradient has an error of 4 % at 1,000 sigma and is infinite at 1e5.
  const at::Tensor centre = x.to(at::kDouble) - mean;
  const at::Tensor inverse_sigma = (-0.5 * log_variance.to(at::kDouble)).exp();
  const at::Tensor upper = (centre + 1.0 / 255) * inverse_sigma;
  const at::Tensor lower = (centre - 1.0 / 255) * inverse_sigma;
  // Φ(upper) − Φ(lower) cancels in the right tail: use the bin's mirror image on the left.
  const at::Tensor right = centre > 0;
  const at::Tensor log_high = at::special_log_ndtr(at::where(right, -lower, upper));
  const at::Tensor log_low = at::special_log_ndtr(at::where(right, -upper, lower));
  // A bin far narrower than σ may round to zero; the clamp keeps its logarithm finite.
  const at::Tensor inside = log_high + (-(log_low - log_high).clamp_max(-1e-15).expm1()).log();
  const at::Tensor result = at::where(x < -0.999, at::special_log_ndtr(upper),
                                      at::where(x > 0.999, at::special_log_ndtr(-lower), inside));
  return result.to(mean.scalar_type());
}

}  // namespace diffuse
