// Distance between samples with few steps and the exact solution of the reverse ODE.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diffuse/model_file/model.h"

namespace diffuse {

struct SamplerError {
  SamplerKind sampler;
  Spacing spacing;
  int64_t steps = 0;
  int64_t calls = 0;   // network calls
  double error = 0;    // root mean square over samples and dimensions, in the data's units
  double seconds = 0;  // for all samples
  std::optional<double> distance{};
};

struct SamplerErrorOptions {
  std::vector<SamplerKind> samplers;  // deterministic ones, which converge to the ODE's solution
  std::vector<int64_t> steps;
  // auto: karras for heun, else trailing. All must start from the last timestep, as leading does not.
  Spacing spacing = Spacing::kAuto;
  at::Tensor labels{};                                    // of all samples; undefined = none
  int64_t batch = 64;                                     // samples at once
  std::function<double(const at::Tensor& x)> distance{};  // of the samples from data, optional
};

// The number of steps of the reference: four times the largest in `options`, at most T.
int64_t reference_steps(const SamplerErrorOptions& options, int64_t timesteps);

// The error of each sampler and number of steps, from the x_T of `keys`, with clipping and guidance from the
// model's config. The reference is heun over evenly spaced timesteps.
std::vector<SamplerError> sampler_errors(const Model& model, std::span<const StreamKey> keys,
                                         const SamplerErrorOptions& options);

}  // namespace diffuse
