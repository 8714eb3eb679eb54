#include "diffuse/diffusion/loss_weight.h"

#include <ATen/ATen.h>

namespace diffuse {

at::Tensor bound_weight(const NoiseSchedule& schedule, const at::Tensor& variance) {
  return schedule.beta().square() /
         (2 * variance * schedule.alpha() * schedule.one_minus_alpha_bar());
}

at::Tensor min_snr_weight(const NoiseSchedule& schedule, double gamma) {
  return schedule.snr().clamp_max(gamma) / schedule.snr();
}

}  // namespace diffuse
