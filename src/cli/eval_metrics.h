// The metrics of `diffuse eval`. Each family is one file: it adds its flags to the command and returns its
// metrics' names and the function that measures them. eval_command.cpp lists the families.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

#include "common.h"
#include "diffuse/data/dataset.h"
#include "sampler_flags.h"
#include "src/eval/eval_work.h"
#include "src/train/outputs.h"

namespace diffuse::cli {

struct EvalInput {
  const Model& model;
  const SamplerFlags& sampler;
  const Dataset& data;           // its items have the model's shape
  EvaluationOptions evaluation;  // without progress: each family shows its own

  // All processes get the same result; only the first writes files.
  bool writes() const { return evaluation.world->is_first(); }

  // Another split of the same data.
  std::function<std::shared_ptr<const Dataset>(Split)> open;
};

struct MetricFamily {
  std::vector<std::string> names;

  // Refuses flags that cannot work, before the model is loaded.
  std::function<void()> check = [] {};

  // The files that its flags name, for reading and writing.
  std::function<std::vector<NamedPath>()> outputs = [] { return std::vector<NamedPath>(); };
  std::function<std::vector<NamedPath>()> inputs = [] { return std::vector<NamedPath>(); };

  // Whether it measures EvalInput::data, rather than data that it opens itself.
  bool of_items = false;

  // Whether it draws samples, with EvalInput::sampler.
  std::function<bool()> draws = [] { return false; };

  // Refuses what does not fit the model and the data, before any family measures. `asked`: a non-empty subset
  // of names; one pass can measure these metrics together.
  std::function<Measurement(const EvalInput&, const std::vector<std::string>& asked)> prepare;
};

MetricFamily add_bound_metrics(CLI::App& command);  // bpd, rd
MetricFamily add_ode_metrics(CLI::App& command);    // ode-bpd
MetricFamily epsilon_metric();
MetricFamily add_crps_metric(CLI::App& command);
MetricFamily add_neighbour_metrics(CLI::App& command);
MetricFamily add_sample_metrics(CLI::App& command);  // fid, kid, is, pr, swd, mmd

// Throws Error naming a flag that was given, but that none of the metrics `asked` uses.
void check_flags_are_used(const CLI::App& command, const std::vector<std::string>& asked);

// The command's progress on stderr, for EvaluationOptions::progress, and for the other processes; ends the
// evaluation after a signal. `text` is shown beside the bar.
std::function<void(int64_t done, int64_t total)> show_progress(
    const EvalInput& input, const std::string& unit = "network evaluation",
    const std::string& text = "");

}  // namespace diffuse::cli
