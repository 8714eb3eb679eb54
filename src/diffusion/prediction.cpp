#include "prediction.h"

#include <ATen/ATen.h>

#include "diffuse/core/error.h"

namespace diffuse {

PredictionTable prediction_table(const std::string& kind, const NoiseSchedule& schedule) {
  const at::Tensor a = schedule.alpha_bar().sqrt(), s = schedule.one_minus_alpha_bar().sqrt();
  const at::Tensor zero = at::zeros_like(a), one = at::ones_like(a);
  if (kind == "epsilon") return {.p = zero, .q = one};
  if (kind == "x0") return {.p = one, .q = zero};
  if (kind == "v") return {.p = -s, .q = a};
  if (kind == "mu")
    return {.p = schedule.coef_x0() + schedule.coef_xt() * a, .q = schedule.coef_xt() * s};
  const std::vector<std::string> kinds{"epsilon", "x0", "v", "mu"};
  throw Error("/diffusion/prediction: \"", kind, "\" is none of ", join(kinds),
              did_you_mean(kind, kinds));
}

}  // namespace diffuse
