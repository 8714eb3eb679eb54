// Short names for diffusion configs.
#pragma once

#include <string>

#include "diffuse/config/config.h"

namespace diffuse {

inline DiffusionConfig linear(int64_t timesteps, double beta_end,
                              const std::string& variance = "fixed_large") {
  DiffusionConfig config;
  config.timesteps = timesteps;
  config.beta_end = beta_end;
  config.variance = variance;
  return config;
}

inline DiffusionConfig scheduled(const std::string& schedule, int64_t timesteps,
                                 const std::string& variance = "fixed_large") {
  DiffusionConfig config = linear(timesteps, 0.02, variance);
  config.schedule = schedule;
  return config;
}

}  // namespace diffuse
