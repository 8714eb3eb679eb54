#include "diffuse/diffusion/diffusion_checks.h"

#include "diffuse/core/error.h"

namespace diffuse {

static bool ends_without_signal(const Process& process) {
  return process.level(process.last_time()).a == 0;
}

void check_last_step(const DiffusionConfig& config, const Process& process) {
  const bool of_noise =
      config.prediction == PredictionKind::kEpsilon || config.prediction == PredictionKind::kScore;
  if (of_noise && !config.is_chain() && ends_without_signal(process))
    throw Error("/diffusion/prediction: \"", config.prediction, "\" cannot give x_0 at the end of ",
                config.process, ", where no signal is left; use flow, v or x0");
  if (of_noise && ends_without_signal(process))
    throw Error("/diffusion/prediction: \"epsilon\" cannot give x_0 where no signal is left, and ",
                "this schedule ends with alpha_bar = 0 at timestep ", process.last_time(),
                "; use v or x0, another /diffusion/schedule, or sample from a lower timestep: ",
                "--spacing leading and fewer --steps");
}

void check_trainable(const DiffusionConfig& config) {
  const bool bound_in_loss = config.loss == LossKind::kVlb || config.loss == LossKind::kHybrid;
  if (config.learns_variance() && !bound_in_loss)
    throw Error("/diffusion/loss: \"", config.loss, "\" does not train the variance that ",
                "/diffusion/variance \"", config.variance, "\" needs; use hybrid or vlb");
  if (!config.learns_variance() && config.loss == LossKind::kHybrid)
    throw Error("/diffusion/loss: \"hybrid\" only adds the variance's training to simple; ",
                "/diffusion/variance \"", config.variance, "\" is fixed: use simple or vlb");
  const auto process = make_process(config);
  check_last_step(config, *process);
  if (!config.is_chain()) return;  // training never draws its last time
  if (ends_without_signal(*process) && config.loss != LossKind::kMse &&
      config.loss != LossKind::kVlb)
    throw Error("/diffusion/loss: \"", config.loss, "\" measures the error in epsilon, which does ",
                "not train the last step of a schedule that ends with alpha_bar = 0; use mse or ",
                "vlb");
}

}  // namespace diffuse
