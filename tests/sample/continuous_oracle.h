// Exact networks for data N(0, 1/4) on the processes of continuous time.
#pragma once

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "diffuse/sample/generate.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"

namespace diffuse::continuous_oracle {

inline constexpr double kVariance = 0.25;
inline constexpr std::array kContinuous{ProcessKind::kVp, ProcessKind::kSubvp, ProcessKind::kVe,
                                        ProcessKind::kEdm, ProcessKind::kFlow};

inline GaussianDiffusion diffusion_of(ProcessKind process,
                                      PredictionKind prediction = PredictionKind::kEdm) {
  DiffusionConfig config;
  config.process = process;
  config.prediction = prediction;
  return GaussianDiffusion(config);
}

// The exact network as a denoiser, called as a trained one is.
inline Denoiser oracle(const GaussianDiffusion& diffusion) {
  const auto network = std::make_shared<GaussianOracle>(kVariance, oracle_view(diffusion));
  return preconditioned(diffusion, [network](const at::Tensor& x, const at::Tensor& time) {
    return network->forward(x, time, {});
  });
}

inline double variance_at(const Level& level) {
  return level.a * level.a * kVariance + level.s * level.s;
}

// Where the flow takes x_T = 1 at the first listed time, and the step from the last of them to x_0.
inline double exact_output(const Process& process, const std::vector<double>& times) {
  const Level first = process.level(times.front()), last = process.level(times.back());
  return std::sqrt(variance_at(last) / variance_at(first)) * last.a * kVariance / variance_at(last);
}

}  // namespace diffuse::continuous_oracle
