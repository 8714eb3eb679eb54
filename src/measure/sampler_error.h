// How far samplers of few steps end from where the exact reverse flow does.
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
  std::string sampler, spacing;
  int64_t steps = 0;
  int64_t calls = 0;   // of the network
  double error = 0;    // root mean square over samples and dimensions, in the data's units
  double seconds = 0;  // for all samples
  std::optional<double> distance{};
};

struct SamplerErrorOptions {
  std::vector<std::string> samplers;  // without noise: all end where the flow does
  std::vector<int64_t> steps;
  // auto: karras for heun, else trailing. All must start from the last timestep, as leading does not.
  std::string spacing = "auto";
  at::Tensor labels{};                                    // of all samples; undefined = none
  int64_t batch = 64;                                     // samples at once
  std::function<double(const at::Tensor& x)> distance{};  // of the samples from data, if wanted
};

// The number of steps of the reference: four times the most asked for, or all T.
int64_t reference_steps(const SamplerErrorOptions& options, int64_t timesteps);

// For each sampler and number of steps, from the x_T of `keys`, clipped and guided as the model's config
// says. The reference is heun over evenly spaced timesteps.
std::vector<SamplerError> sampler_errors(const Model& model, std::span<const StreamKey> keys,
                                         const SamplerErrorOptions& options);

}  // namespace diffuse
