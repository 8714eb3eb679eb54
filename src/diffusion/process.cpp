#include "diffuse/diffusion/process.h"

#include <ATen/ATen.h>

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

std::shared_ptr<const Process> make_process(const DiffusionConfig& config) {
  return std::make_shared<NoiseChain>(NoiseSchedule::make(config));
}

}  // namespace diffuse
