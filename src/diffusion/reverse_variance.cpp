#include "reverse_variance.h"

#include <ATen/ATen.h>

#include "broadcast.h"

namespace diffuse {

// For a step to the data q's variance is 0, with no logarithm.
static at::Tensor log_or(const at::Tensor& variance, const Transition& step, double first) {
  return at::where(step.variance > 0, variance.log(), first);
}

at::Tensor ReverseVariance::fixed_log(const Transition& step, double first) const {
  return log_or(kind_ == VarianceKind::kFixedLarge ? step.added : step.variance, step, first);
}

// learned_range: log σ² = v log β + (1 − v) log β̃                               [Nichol21] eq. 15
void ReverseVariance::fill(Gaussian& reverse, const Transition& step, double first,
                           const at::Tensor& raw, const at::Tensor& x) const {
  if (!learned()) {
    reverse.variance = along(kind_ == VarianceKind::kFixedLarge ? step.added : step.variance, x);
    reverse.log_variance = along(fixed_log(step, first), x);
    return;
  }
  reverse.log_variance = raw;
  if (kind_ == VarianceKind::kLearnedRange) {
    const at::Tensor share = (raw + 1) / 2;
    reverse.log_variance = share * along(step.added.log(), x) +
                           (1 - share) * along(log_or(step.variance, step, first), x);
  }
  reverse.variance = reverse.log_variance.exp();
}

}  // namespace diffuse
