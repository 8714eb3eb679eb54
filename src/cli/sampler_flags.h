// The flags that say how a model is sampled, over what its config says.
#pragma once

#include <CLI/App.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "diffuse/config/config_json.h"
#include "diffuse/model_file/model.h"

namespace diffuse::cli {

// How a model is sampled.
struct Sampling {
  SampleConfig config;           // the model's, with the flags over it
  GenerateOptions options;       // without labels
  std::vector<int64_t> classes;  // which the samples take in turn; empty = none

  // For samples `first` .. , along all of the timesteps.
  GenerateOptions rows(int64_t rows, int64_t first = 0) const;

  // The same for the reverse process from timestep `t` of that model on.
  GenerateOptions rows_from(int64_t t, int64_t rows, const Model& model) const;
};

struct SamplerFlags {
  std::vector<FlagValue> values;         // of the config's section, as they were given
  std::optional<std::string> timesteps;  // in place of steps and spacing
  std::string steps_flag = "--steps";
  std::string usual_sampler = "";  // in place of the model's; "" = the model's

  void add_to(CLI::App& command, const std::string& group = "Options");

  // A flag for one field of the section.
  CLI::Option* add_field(CLI::App& command, const std::string& flag, const std::string& key,
                         const std::string& help);

  bool has(const std::string& flag) const;  // whether it was given

  // The first of them that was given, or "".
  std::string given() const;

  // The model's sample section with the flags over it, and what that comes to, with --timesteps in place
  // of steps and spacing. Throws Error naming the flag that does not fit the model or the others.
  Sampling over(const Model& model) const;

  // All of it that decides the samples.
  nlohmann::ordered_json describe(const Sampling& sampling) const;

 private:
  SampleConfig config_over(const Model& model) const;
  void check_fit(const Model& model, const SampleConfig& config) const;
};

}  // namespace diffuse::cli
