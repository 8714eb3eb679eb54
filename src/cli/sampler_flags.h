// The flags that say how a model is sampled, over what its config says.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "common.h"
#include "diffuse/sample/sampler.h"

namespace diffuse::cli {

struct SamplerFlags {
  std::optional<std::string> sampler, spacing, timesteps, ddim_epsilon;
  std::optional<int64_t> steps;
  std::optional<double> eta, guidance, dynamic_threshold;
  bool clip = false, no_clip = false;
  std::string steps_flag = "--steps";

  void add_to(CLI::App& command, const std::string& group = "Options");

  // The first of them that was given, or "".
  std::string given() const;

  // The model's sample section with the flags over it. Throws Error naming the flag that does not
  // fit the model or the others.
  SampleConfig over(const Model& model) const;

  // What that comes to, with --timesteps in place of steps and spacing.
  SamplerOptions options(const SampleConfig& config, const Model& model) const;

  // All of it that decides the samples.
  nlohmann::ordered_json describe(const SampleConfig& config, const SamplerOptions& options) const;

 private:
  SamplerOptions fitting_options(const SampleConfig& config, const Model& model) const;
};

}  // namespace diffuse::cli
