#include "src/diffusion/transition.h"

#include <ATen/ATen.h>

namespace diffuse {

// μ̃ = (a' β / s²) x_0 + (√α s'² / s²) x_t,  β̃ = β s'² / s²                                 eq. 3
Transition transition(const Levels& from, const Levels& to) {
  const at::Tensor ratio = from.a / to.a, noise = from.s.square(), left = to.s.square();
  const at::Tensor added = noise - ratio.square() * left;
  return {.alpha = ratio.square(),
          .added = added,
          .variance = added * left / noise,
          .coef_x0 = to.a * added / noise,
          .coef_xt = ratio * left / noise,
          .one_minus = noise};
}

}  // namespace diffuse
