// Which samples to draw and how: from flags and model to a plan with each sample by its number.
#pragma once

#include <ATen/core/Tensor.h>

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common.h"
#include "sampler_flags.h"

namespace diffuse::cli {

struct PlanFlags {
  SamplerFlags sampler;
  std::filesystem::path noise, from;
  std::optional<int64_t> count, batch, share_from_step;
  std::optional<double> strength;
  std::optional<std::string> class_name;
  std::optional<std::string> seeds;
  uint64_t seed = 0;

  void add_to(CLI::App& command);
};

struct Plan {
  Sampling sampling;
  int64_t count = 0, batch = 0;
  uint64_t seed = 0;
  std::vector<StreamKey> listed;  // --seeds; empty = (seed, i)
  at::Tensor start;               // x_T [count, ...] or undefined

  std::vector<StreamKey> keys(int64_t begin, int64_t size) const;

  // For samples begin, begin + 1, ..., with their labels and x_T.
  GenerateOptions options(int64_t begin, int64_t size) const;
};

// Throws Error naming a flag that does not fit the model or the other flags.
Plan make_plan(const PlanFlags& flags, const Model& model);

// Everything that determines the samples, as JSON: stored in PNGs, and compared by a resumed run.
std::string describe(const PlanFlags& flags, const Plan& plan, const Model& model,
                     const ModelFlags& model_flags, const std::string& precision);

}  // namespace diffuse::cli
