// One reverse step between two noise levels, from (a, s) to the cleaner (a', s').
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/diffusion/process.h"

namespace diffuse {

// q's coefficients for such steps, [B] float64 each. Between neighbours of the chain α = α_t, `added` is β_t
// and `variance` β̃_t.
struct Transition {
  at::Tensor alpha;     // (a / a')²: the signal kept
  at::Tensor added;     // s² − α s'²: the variance of q(x_t | x_{t'})
  at::Tensor variance;  // added s'² / s²: of q(x_{t'} | x_t, x_0)                    eq. 3
  at::Tensor coef_x0, coef_xt;  // its mean is coef_x0 x_0 + coef_xt x_t                      eq. 3
  at::Tensor one_minus;         // s²
};

Transition transition(const Levels& from, const Levels& to);

}  // namespace diffuse
