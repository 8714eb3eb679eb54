// The terms of the variational bound, in bits per dimension: L = L_T + Σ L_{t−1} + L_0.        eq. 4
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/config/config.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "diffuse/diffusion/process.h"

namespace diffuse {

// A Gaussian's moments. Variances are [B, 1, ...] if constant within a sample.
struct Gaussian {
  at::Tensor mean, variance, log_variance;
};

// For each sample's row t [B]: for t >= 1 L_{t−1} = KL(q(x_{t−1} | x_t, x_0) ‖ p_θ(x_{t−1} | x_t)), at
// t = 0 L_0 = −log p_θ(x_0 | x_1): for 8-bit images of the discretised Gaussian [Ho20] eq. 13, else of
// the density, which may be negative. x0 [B, ...] -> [B].                                     eq. 7
at::Tensor bound_term(const Gaussian& posterior, const Gaussian& reverse, const at::Tensor& x0,
                      const at::Tensor& t, SampleKind kind);

// L_T = KL(q(x_T | x_0) ‖ N(0, I)) of each sample: x0 [B, ...] -> [B].
at::Tensor prior_term(const NoiseSchedule& schedule, const at::Tensor& x0);

// KL(q(x_t | x_0) ‖ N(0, size² I)) at the last time of any process, with the standard deviation `size` from which
// its samples start.
at::Tensor prior_term(const Process& process, const at::Tensor& x0);

}  // namespace diffuse
