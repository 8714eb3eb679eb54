#include "src/model/ema.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace diffuse {

Ema::Ema(std::vector<at::Tensor> parameters, double decay, bool warmup,
         std::vector<at::Tensor> averages)
    : parameters_(std::move(parameters)),
      averages_(std::move(averages)),
      decay_(decay),
      warmup_(warmup) {
  if (!averages_.empty()) return;
  for (const at::Tensor& parameter : parameters_) {
    const at::ScalarType kind = at::promote_types(parameter.scalar_type(), at::kFloat);
    averages_.push_back(parameter.detach().to(kind, /*non_blocking=*/false, /*copy=*/true));
  }
}

double Ema::decay_at(int64_t step) const {
  const auto s = static_cast<double>(step);
  return warmup_ ? std::min(decay_, (1 + s) / (10 + s)) : decay_;
}

void Ema::update(int64_t step) {
  if (averages_.empty()) return;  // the foreach operators refuse empty lists
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> current;
  for (size_t i = 0; i < averages_.size(); ++i) {
    current.push_back(parameters_[i].detach().to(averages_[i].scalar_type()));
  }
  at::_foreach_lerp_(averages_, current, 1 - decay_at(step));
}

EmaScope::EmaScope(const Ema& ema) : parameters_(ema.parameters_) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    trained_.push_back(parameters_[i].variable_data());
    parameters_[i].set_data(ema.averages_[i].to(trained_[i].scalar_type()));
  }
}

EmaScope::~EmaScope() {
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].set_data(trained_[i]);
}

}  // namespace diffuse
