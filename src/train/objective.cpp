#include "objective.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include "diffuse/core/random_tensor.h"
#include "diffuse/train/train_report.h"
#include "src/core/cuda/random.h"
#include "src/core/device.h"
#include "src/core/noise.h"
#include "src/data/condition.h"
#include "src/model/compute_scope.h"
#include "src/sample/known_part.h"

namespace diffuse {

static GaussianDiffusion trainable(const Config& config) {
  check_trainable(config.diffusion);
  return GaussianDiffusion(config.diffusion, sample_kind(config.model));
}

Objective::Objective(const Config& config, c10::Device device, c10::ScalarType precision)
    : config_(config),
      device_(device),
      precision_(precision),
      diffusion_(trainable(config)),
      timesteps_(config.diffusion, config.seed) {
  if (config.diffusion.loss_weighting == LossWeighting::kNone) return;
  weighting_ = std::make_shared<LearnedWeighting>(config.model.time_scale);
  weighting_->to(device);
}

NamedModules Objective::modules() const {
  if (!weighting_) return {};
  return {{"loss_weighting", weighting_}};
}

// In half of the updates a self-conditioned network gets its own x_0.                [Chen22] sec. 3
static bool gets_own_x0(uint64_t seed, int64_t step) {
  RandomStream stream(seed, Purpose::kSelfCondition, static_cast<uint64_t>(step));
  return stream.uniform() < 0.5;
}

TrainingRows Objective::draw(const Batch& rows, int64_t step) {
  const int64_t count = rows.x.size(0);
  const auto first = static_cast<uint64_t>(rows.first_sample);
  const auto keys = consecutive_keys(config_.seed, first, count);
  const TimestepDraw times = timesteps_.draw(rows.first_sample, count, config_.train.batch_size);
  const at::Tensor labels =
      config_.model.classes > 0 ? sent_to(drop_labels(rows.labels, keys), device_) : at::Tensor();
  const at::Tensor x0 = sent_to(rows.x, device_);
  return {
      .x0 = x0,
      .eps = noise_rows(keys, Purpose::kNoise, 0, config_.model.sample_shape, device_),
      .t = sent_to(times.t, device_),
      .weight = sent_to(times.weight, device_),
      .labels = labels,
      .condition = training_condition(config_.condition, x0, rows.condition, keys),
      .own_x0 = config_.model.self_conditioning && gets_own_x0(config_.seed, step),
      .keys = cuda::draws_random(device_) ? sent_to(cuda::key_rows(keys), device_) : at::Tensor(),
      .dropout = std::make_shared<const std::vector<StreamKey>>(keys),
      .dropout_seed = RandomStream(config_.seed, Purpose::kDropout, first).next_u64(),
  };
}

// Replaces a share of the labels by "no class", drawn from each sample's stream.
at::Tensor Objective::drop_labels(const at::Tensor& labels, std::span<const StreamKey> keys) const {
  if (config_.train.label_dropout == 0) return labels;
  at::Tensor kept = labels.clone();
  for (size_t i = 0; i < keys.size(); ++i) {
    RandomStream stream(keys[i].seed, Purpose::kLabelDropout, keys[i].index);
    if (stream.uniform() < config_.train.label_dropout) kept[i] = config_.model.classes;
  }
  return kept;
}

at::Tensor Objective::losses(Network& network, const TrainingRows& rows) const {
  RECORD_USER_SCOPE("forward");
  const Denoiser plain = [&](const at::Tensor& x, const at::Tensor& time) {
    const PrecisionScope scope(device_, precision_);
    return network.forward(x, time, {rows.labels, rows.condition}).to(at::kFloat);
  };
  const bool own_x0 = rows.own_x0 && network.self_conditioned();
  const Denoiser denoiser = own_x0 ? self_conditioned(plain) : preconditioned(diffusion_, plain);
  if (!config_.condition.is_mask()) return diffusion_.loss(denoiser, rows.x0, rows.t, rows.eps);
  const KnownPart part = known_part(rows.condition, rows.x0.size(1));
  return mean_of_unknown(
      diffusion_.loss(with_known_part(diffusion_, denoiser, part), rows.x0, rows.t, rows.eps),
      part);
}

// Calls `plain` twice: for the x_0 that it predicts, and with that behind its input.
Denoiser Objective::self_conditioned(const Denoiser& plain) const {
  return [this, plain](const at::Tensor& x, const at::Tensor& t) {
    const auto [scaled, time] = diffusion_.input(x, t);
    at::Tensor x0;
    {
      const at::NoGradGuard constant;
      x0 = diffusion_.denoised(plain(scaled, time), x, t, config_.sample.clip_x0).x0;
    }
    return plain(at::cat({scaled, x0}, 1), time);
  };
}

at::Tensor Objective::part_of_mean(const at::Tensor& losses, const TrainingRows& rows) const {
  const at::Tensor weighted =
      weighting_ ? weighting_->forward(losses, diffusion_.process().told(rows.t)) : losses;
  return (weighted * rows.weight).sum() / config_.train.batch_size;
}

at::Tensor Objective::timestep_bins(const TrainingRows& rows) const {
  return diffusion_.process().part_of(rows.t, kTimestepBins);
}

void Objective::observe(const at::Tensor& losses, int64_t step, World& world) {
  if (!timesteps_.learns()) return;
  const int64_t size = config_.train.batch_size;
  timesteps_.observe(timesteps_.draw(step * size, size, size).t, world.gather_rows(losses, size));
}

}  // namespace diffuse
