#include "src/model/power_ema.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace diffuse {

double power_of_width(double width) {
  double low = 0, high = 1e6;  // the width falls as γ rises
  for (int i = 0; i < 200; ++i) {
    const double gamma = (low + high) / 2;
    const double found = std::sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2);
    (found > width ? low : high) = gamma;
  }
  return (low + high) / 2;
}

PowerEma::PowerEma(std::vector<at::Tensor> parameters, double width)
    : parameters_(std::move(parameters)), gamma_(power_of_width(width)) {
  for (const at::Tensor& parameter : parameters_) {
    const at::ScalarType kind = at::promote_types(parameter.scalar_type(), at::kFloat);
    averages_.push_back(parameter.detach().to(kind, /*non_blocking=*/false, /*copy=*/true));
  }
}

void PowerEma::update(int64_t step) {
  if (averages_.empty()) return;  // the foreach operators refuse empty lists
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> current;
  for (size_t i = 0; i < averages_.size(); ++i)
    current.push_back(parameters_[i].detach().to(averages_[i].scalar_type()));
  const double beta = std::pow(1 - 1 / static_cast<double>(step + 1), gamma_ + 1);
  at::_foreach_lerp_(averages_, current, 1 - beta);
}

// ∫ p_a p_b of two densities p(τ) = (γ + 1) τ^γ / t^(γ + 1) on 0 .. t.
static double overlap(const PowerAverage& a, const PowerAverage& b) {
  const double one = power_of_width(a.width), two = power_of_width(b.width);
  const double ratio = std::pow(a.step / b.step, a.step < b.step ? two : -one);
  return (one + 1) * (two + 1) * ratio / ((one + two + 1) * std::max(a.step, b.step));
}

std::vector<double> snapshot_weights(const std::vector<PowerAverage>& snapshots,
                                     const PowerAverage& wanted) {
  const auto count = static_cast<int64_t>(snapshots.size());
  at::Tensor products = at::empty({count, count}, at::kDouble),
             target = at::empty({count}, at::kDouble);
  for (int64_t i = 0; i < count; ++i) {
    const PowerAverage& row = snapshots[static_cast<size_t>(i)];
    target[i] = overlap(row, wanted);
    for (int64_t j = 0; j < count; ++j)
      products[i][j] = overlap(row, snapshots[static_cast<size_t>(j)]);
  }
  const at::Tensor weights = at::linalg_solve(products, target).contiguous();
  return {weights.const_data_ptr<double>(), weights.const_data_ptr<double>() + count};
}

}  // namespace diffuse
