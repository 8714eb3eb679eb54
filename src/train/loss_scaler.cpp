#include "loss_scaler.h"

#include <ATen/ATen.h>

namespace diffuse {

LossScaler::LossScaler(bool enabled, c10::Device device)
    : enabled_(enabled),
      scale_(at::full({}, enabled ? 65536.0 : 1.0, at::device(device).dtype(at::kFloat))),
      growth_(at::zeros({}, at::device(device).dtype(at::kInt))) {}

at::Tensor LossScaler::scale(const at::Tensor& loss) const {
  return enabled_ ? loss * scale_ : loss;
}

at::Tensor LossScaler::unscale(std::vector<at::Tensor>& gradients) const {
  at::Tensor found_inf = at::zeros({}, scale_.options());
  const at::Tensor factor = enabled_ ? scale_.reciprocal() : at::ones_like(scale_);
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf, factor);
  return found_inf;
}

void LossScaler::update(const at::Tensor& found_inf) {
  if (!enabled_) return;
  at::_amp_update_scale_(scale_, growth_, found_inf, 2.0, 0.5, 2000);
  scale_.clamp_min_(1.0);
}

std::vector<std::pair<std::string, at::Tensor>> LossScaler::state() const {
  return {{"loss_scale", scale_}, {"loss_scale_growth", growth_}};
}

}  // namespace diffuse
