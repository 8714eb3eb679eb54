// The weights w that losses put on ‖ε − ε_θ‖², one function each: [B] float64. The simple loss, eq. 10,
// has none.
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/diffusion/noise_schedule.h"
#include "src/diffusion/transition.h"

namespace diffuse {

// β² / (2 σ² α (1 − ᾱ)): the bound's, in nats, for reverse steps of variance σ² [B]. Infinite where σ² or
// α is 0.                                                                                    eq. 9
at::Tensor bound_weight(const Transition& step, const at::Tensor& variance);

// The same of every row of a schedule: variance [T] -> [T].
at::Tensor bound_weight(const NoiseSchedule& schedule, const at::Tensor& variance);

// min(snr, γ) / snr                                                                  [Hang23] eq. 7
at::Tensor min_snr_weight(const Levels& levels, double gamma);

}  // namespace diffuse
