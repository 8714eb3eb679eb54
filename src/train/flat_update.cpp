#include "src/train/flat_update.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "cuda/flat_update.h"
#include "src/core/device.h"

namespace diffuse {

FlatUpdate::FlatUpdate(const TrainConfig& config, const std::vector<at::Tensor>& parameters,
                       c10::ScalarType low, std::vector<at::Tensor> frozen)
    : config_(config),
      values_(flat_copy(parameters, at::kFloat)),
      gradients_(flat_zeros(parameters, at::kFloat)),
      first_moment_(flat_zeros(parameters, at::kFloat)),
      second_moment_(flat_zeros(parameters, at::kFloat)),
      averages_(flat_copy(parameters, at::kFloat)),
      numbers_(at::zeros({2}, values_.all.options().dtype(at::kDouble))),
      frozen_(std::move(frozen)) {
  if (low != at::kFloat) low_ = flat_copy(parameters, low);
  for (size_t i = 0; i < parameters.size(); ++i) {
    parameters[i].set_data(values_.parts[i]);
    parameters[i].mutable_grad() = gradients_.parts[i];
    if (low != at::kFloat) low_copies_[parameters[i].const_data_ptr()] = low_.parts[i];
  }
  for (const at::Tensor& parameter : frozen_)
    if (low != at::kFloat) low_copies_[parameter.const_data_ptr()] = parameter.detach().to(low);
}

void FlatUpdate::prepare(double learning_rate, double average_decay) {
  const at::Tensor numbers = at::tensor({learning_rate, average_decay}, at::kDouble);
  numbers_.copy_(sent_to(numbers, numbers_.device()));
}

// The kernel divides the gradients by `divisor`, and does nothing where found_inf is 1.
void FlatUpdate::adam(const at::Tensor& updates, const at::Tensor& divisor,
                      const at::Tensor& found_inf) {
  const auto update = [&](const auto& kernel) {
    kernel(values_.all, gradients_.all, first_moment_.all, second_moment_.all, at::TensorList{},
           updates, numbers_[0].to(at::kFloat), config_.beta1, config_.beta2, config_.weight_decay,
           config_.adam_eps, false, false, divisor, found_inf);
  };
  if (config_.optimizer == OptimizerKind::kAdamw)
    update([](const auto&... in) { at::_fused_adamw_(in...); });
  else
    update([](const auto&... in) { at::_fused_adam_(in...); });
}

std::pair<at::Tensor, at::Tensor> FlatUpdate::run(LossScaler& scaler, const at::Tensor& updates) {
  const at::NoGradGuard no_grad;
  const auto figures = cuda::updates_flat(values_.all.device(), low_type())
                           ? by_kernels(scaler, updates)
                           : by_operators(scaler, updates);
  scaler.update(figures.second);
  drop_gradients();
  return figures;
}

at::ScalarType FlatUpdate::low_type() const {
  return low_.all.defined() ? low_.all.scalar_type() : at::kFloat;
}

std::pair<at::Tensor, at::Tensor> FlatUpdate::by_kernels(const LossScaler& scaler,
                                                         const at::Tensor& updates) {
  const at::Tensor norm = at::empty({}, values_.all.options()), found_inf = at::empty_like(norm);
  const cuda::UpdateScalars scalars{.learning_rate = numbers_[0],
                                    .average_decay = numbers_[1],
                                    .loss_scale = scaler.scale(),
                                    .count = updates,
                                    .norm = norm,
                                    .found_inf = found_inf};
  const at::Tensor prepared = cuda::prepare_update(
      config_, cuda::gradient_squares({gradients_.all}, low_type()), scalars, low_type());
  cuda::update_group({.parameter = values_.all,
                      .gradient = gradients_.all,
                      .first_moment = first_moment_.all,
                      .second_moment = second_moment_.all,
                      .average = averages_.all,
                      .low = low_.all},
                     prepared, low_type());
  return {norm, found_inf};
}

std::pair<at::Tensor, at::Tensor> FlatUpdate::by_operators(const LossScaler& scaler,
                                                           const at::Tensor& updates) {
  const at::Tensor norm = gradients_.all.norm() / scaler.scale();
  const at::Tensor found_inf = 1 - at::isfinite(norm).to(at::kFloat);
  at::Tensor divisor = scaler.scale();
  if (config_.gradient_clip > 0) divisor = divisor * (norm / config_.gradient_clip).clamp_min(1.0);
  updates.add_(1 - found_inf);
  adam(updates, divisor, found_inf);
  averages_.all.lerp_(values_.all, (1 - numbers_[1]).to(at::kFloat));
  refresh_low_copies();
  return {norm, found_inf};
}

void FlatUpdate::restored() {
  refresh_low_copies();
  for (const at::Tensor& parameter : frozen_)
    if (low_.all.defined()) low_copies_.at(parameter.const_data_ptr()).copy_(parameter.detach());
}

void FlatUpdate::refresh_low_copies() {
  if (low_.all.defined()) low_.all.copy_(values_.all);
}

}  // namespace diffuse
