#include "optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace diffuse {

// √(start / step) from `start` on.                                                   [Karras24]
static double inverse_sqrt(const TrainConfig& config, double step) {
  const int64_t start = config.decay_start > 0 ? config.decay_start : config.warmup_steps;
  return 1 / std::sqrt(std::max(step / static_cast<double>(std::max<int64_t>(start, 1)), 1.0));
}

// 1, and from `start` on linearly to 0.
static double trapezoid(const TrainConfig& config, double step) {
  const auto steps = static_cast<double>(config.steps);
  const double start =
      config.decay_start > 0 ? static_cast<double>(config.decay_start) : 0.8 * steps;
  return std::clamp((steps - step) / std::max(steps - start, 1.0), 0.0, 1.0);
}

double learning_rate_at(const TrainConfig& config, int64_t step) {
  const double warmup =
      config.warmup_steps == 0
          ? 1.0
          : std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps));
  const double progress = std::min(
      1.0, static_cast<double>(step) / static_cast<double>(std::max<int64_t>(config.steps, 1)));
  const auto scale = [&] {
    switch (config.learning_rate_schedule) {
      case LearningRateSchedule::kConstant:
        return 1.0;
      case LearningRateSchedule::kCosine:
        return 0.5 * (1 + std::cos(std::numbers::pi * progress));
      case LearningRateSchedule::kLinear:
        return 1 - progress;
      case LearningRateSchedule::kInverseSqrt:
        return inverse_sqrt(config, static_cast<double>(step));
      case LearningRateSchedule::kTrapezoid:
        return trapezoid(config, static_cast<double>(step));
    }
    return 1.0;
  };
  return config.learning_rate * warmup * scale();
}

std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const at::Tensor& parameter : parameters) gradients.push_back(parameter.grad());
  return gradients;
}

// The same values in the order that they have in memory: the fused kernels copy gradients that lie otherwise,
// and do not use the copies.
static std::vector<at::Tensor> in_memory_order(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> views;
  views.reserve(tensors.size());
  for (const at::Tensor& x : tensors) {
    const bool turned = !x.is_contiguous() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
    views.push_back(turned ? x.permute({0, 2, 3, 1}) : x);
  }
  return views;
}

at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients) {
  return at::stack(at::_foreach_norm(gradients)).norm();
}

void clip_gradients(std::vector<at::Tensor>& gradients, const at::Tensor& norm, double limit) {
  at::_foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp_max(1.0));
}

Adam::Adam(const TrainConfig& config, std::vector<at::Tensor> parameters, c10::Device device,
           const std::vector<double>& factors)
    : config_(config),
      parameters_(std::move(parameters)),
      count_(at::zeros({}, at::device(device).dtype(at::kFloat))) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    first_moment_.push_back(at::zeros_like(parameters_[i]));
    second_moment_.push_back(at::zeros_like(parameters_[i]));
    groups_[factors.empty() ? 1 : factors[i]].push_back(i);
  }
}

void Adam::step(double learning_rate, const at::Tensor& found_inf) {
  const at::NoGradGuard no_grad;
  count_.add_(1 - found_inf);
  for (const auto& [factor, group] : groups_) step_group(learning_rate * factor, group, found_inf);
}

void Adam::step_group(double learning_rate, const std::vector<size_t>& group,
                      const at::Tensor& found_inf) {
  const auto part = [&](const std::vector<at::Tensor>& all) {
    std::vector<at::Tensor> tensors;
    for (const size_t i : group) tensors.push_back(all[i]);
    return in_memory_order(tensors);
  };
  // The kernel needs one counter per tensor and only reads them.
  const std::vector<at::Tensor> counts(group.size(), count_);
  const auto parameters = part(parameters_), gradients = part(gradients_of(parameters_)),
             first_moment = part(first_moment_), second_moment = part(second_moment_);
  if (config_.optimizer != OptimizerKind::kAdam)
    at::_fused_adamw_(parameters, gradients, first_moment, second_moment, {}, counts, learning_rate,
                      config_.beta1, config_.beta2, config_.weight_decay, config_.adam_eps, false,
                      false, std::nullopt, found_inf);
  else
    at::_fused_adam_(parameters, gradients, first_moment, second_moment, {}, counts, learning_rate,
                     config_.beta1, config_.beta2, config_.weight_decay, config_.adam_eps, false,
                     false, std::nullopt, found_inf);
}

}  // namespace diffuse
