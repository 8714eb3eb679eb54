// The sampler flags, which override the model's config.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "diffuse/config/config_json.h"
#include "src/model_file/editing.h"

namespace diffuse::cli {

struct SamplerFlags {
  std::vector<FlagValue> values;         // overrides of the config's section, as given
  std::optional<std::string> timesteps;  // instead of steps and spacing
  std::filesystem::path guide;           // a worse model; "" = none
  std::string steps_flag = "--steps";
  std::optional<SamplerKind> usual_sampler;  // overrides the model's

  void add_to(CLI::App& command, const std::string& group = "Options");

  // A flag for one field of the config's section.
  CLI::Option* add_field(CLI::App& command, const std::string& flag, const std::string& key,
                         const std::string& help);

  bool has(const std::string& flag) const;  // whether it was given

  // The first of them that was given, or "".
  std::string given() const;

  // The model's sample section with the flags applied, and the resulting options, with --timesteps instead of
  // steps and spacing. Throws Error naming a flag that does not fit the model or the other flags.
  Sampling over(const Model& model) const;

  // Everything in it that determines the samples.
  nlohmann::ordered_json describe(const Sampling& sampling) const;

 private:
  SampleConfig config_over(const Model& model) const;
  void add_methods_to(CLI::App& command);
  void add_guidance_to(CLI::App& command);
  void check_fit(const Model& model, const SampleConfig& config) const;
  void check_guidance(const Model& model, const SampleConfig& config) const;
};

}  // namespace diffuse::cli
