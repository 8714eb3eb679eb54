#include "src/diffusion/loss_weight.h"

#include <ATen/ATen.h>

namespace diffuse {

// β² / (2 σ² α (1 − ᾱ))                                                                      eq. 9
at::Tensor bound_weight(const Transition& step, const at::Tensor& variance) {
  return step.added.square() / (2 * variance * step.alpha * step.one_minus);
}

at::Tensor bound_weight(const NoiseSchedule& schedule, const at::Tensor& variance) {
  Transition step;
  step.alpha = schedule.alpha();
  step.added = schedule.beta();
  step.one_minus = schedule.one_minus_alpha_bar();
  return bound_weight(step, variance);
}

// min(snr, γ) / snr                                                                  [Hang23] eq. 7
at::Tensor min_snr_weight(const Levels& levels, double gamma) {
  const at::Tensor snr = (levels.a / levels.s).square();
  return snr.clamp_max(gamma) / snr;
}

// −½ dλ/d share, λ = log(a² / s²)                                                  [Kingma21] eq. 17
at::Tensor continuous_bound_weight(const Process& process, const at::Tensor& time) {
  return process.log_snr_slope(time) / 2;
}

// 1 + σ² / σ_d²                                                                 [Karras22] Table 1
at::Tensor edm_weight(const Levels& levels, double sigma_data) {
  return 1 + (levels.s / levels.a / sigma_data).square();
}

}  // namespace diffuse
