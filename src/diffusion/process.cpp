#include "diffuse/diffusion/process.h"

#include <ATen/ATen.h>

#include <cmath>

#include "continuous.h"
#include "diffuse/core/error.h"
#include "noise_chain.h"

namespace diffuse {

Levels repeat(const Level& level, int64_t rows, at::Device device) {
  const auto filled = [&](double value) {
    return at::full({rows}, value, at::device(device).dtype(at::kDouble));
  };
  return {.time = filled(level.time), .a = filled(level.a), .s = filled(level.s)};
}

Level Process::level(double time) const {
  const Levels one = levels(at::full({1}, time, at::kDouble));
  return {.time = time, .a = one.a.item<double>(), .s = one.s.item<double>()};
}

Levels Process::before(const at::Tensor&) const {
  throw Error("/diffusion/process: time is continuous and has no previous step; use ddpm");
}

at::Tensor Process::log_snr_slope(const at::Tensor&) const {
  throw Error("/diffusion/process: for a chain the bound is a sum; use a continuous process");
}

double Process::first_log_variance() const { return 2 * std::log(level(first_time()).sigma()); }

std::shared_ptr<const Process> make_process(const DiffusionConfig& config) {
  if (config.is_chain()) return std::make_shared<NoiseChain>(NoiseSchedule::make(config));
  return make_continuous(config);
}

}  // namespace diffuse
