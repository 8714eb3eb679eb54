// Which samples to draw and how: from flags and model to a plan.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "common.h"
#include "sampler_flags.h"
#include "src/model_file/draw_samples.h"

namespace diffuse::cli {

struct PlanFlags {
  SamplerFlags sampler;
  std::filesystem::path noise, from, condition;
  std::vector<std::filesystem::path> cascade;  // base and second model
  std::optional<int64_t> count, batch, share_from_step;
  std::optional<double> strength, cascade_noise;
  std::optional<std::string> class_name;
  std::optional<std::string> seeds;
  uint64_t seed = 0;

  void add_to(CLI::App& command);
};

// Throws Error naming a flag that does not fit the model or the other flags. `base`: that of a cascade, or null.
SamplePlan make_plan(const PlanFlags& flags, const Model& model, const Model* base = nullptr);

// Everything that determines the samples, as JSON: stored in PNGs, and compared by a resumed run.
std::string describe(const PlanFlags& flags, const SamplePlan& plan, const Model& model,
                     const ModelFlags& model_flags, const std::string& precision);

}  // namespace diffuse::cli
