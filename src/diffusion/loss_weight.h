// The losses' weights w of ‖ε − ε_θ‖², one function each: [B] float64. The simple loss, eq. 10, has none.
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/diffusion/noise_schedule.h"
#include "src/diffusion/transition.h"

namespace diffuse {

// β² / (2 σ² α (1 − ᾱ)): the bound's weight, in nats, for reverse steps with variance σ² [B]. Infinite if σ²
// or α is 0.                                                                                 eq. 9
at::Tensor bound_weight(const Transition& step, const at::Tensor& variance);

// The same for every row of a schedule: variance [T] -> [T].
at::Tensor bound_weight(const NoiseSchedule& schedule, const at::Tensor& variance);

// min(snr, γ) / snr                                                                  [Hang23] eq. 7
at::Tensor min_snr_weight(const Levels& levels, double gamma);

// ½ d(−log snr)/d share: the bound's weight in continuous time, in nats, for times spread evenly over the
// process's range.                                                               [Kingma21] eq. 17
at::Tensor continuous_bound_weight(const Process& process, const at::Tensor& time);

// 1 + σ² / σ_d², σ = s / a: on the error of x_0 it is (σ² + σ_d²) / (σ σ_d)².      [Karras22] Table 1
at::Tensor edm_weight(const Levels& levels, double sigma_data);

}  // namespace diffuse
