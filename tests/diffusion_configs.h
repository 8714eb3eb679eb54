// Short names for diffusion configs.
#pragma once

#include "diffuse/config/config.h"

namespace diffuse {

inline DiffusionConfig linear(int64_t timesteps, double beta_end,
                              VarianceKind variance = VarianceKind::kFixedLarge) {
  DiffusionConfig config;
  config.timesteps = timesteps;
  config.beta_end = beta_end;
  config.variance = variance;
  return config;
}

inline DiffusionConfig scheduled(ScheduleKind schedule, int64_t timesteps,
                                 VarianceKind variance = VarianceKind::kFixedLarge) {
  DiffusionConfig config = linear(timesteps, 0.02, variance);
  config.schedule = schedule;
  return config;
}

}  // namespace diffuse
