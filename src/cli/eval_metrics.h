// The metrics of `diffuse eval`. A family is one file: it adds its flags to the command and returns
// the names it answers to with the function that measures them. eval_command.cpp lists the families.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

#include "common.h"
#include "diffuse/data/dataset.h"
#include "sampler_flags.h"
#include "src/eval/eval_report.h"
#include "src/train/outputs.h"

namespace diffuse::cli {

struct EvalInput {
  const Model& model;
  const SamplerFlags& sampler;
  const Dataset& data;           // whose samples have the model's shape
  EvaluationOptions evaluation;  // without progress: each family shows its own

  // Every process measures, with the same result; this one writes files.
  bool writes() const { return evaluation.world->is_first(); }

  // Another part of the same data.
  std::function<std::shared_ptr<const Dataset>(Split)> open;
};

// The work, which may take hours.
using Measurement = std::function<void(EvalReport&)>;

struct MetricFamily {
  std::vector<std::string> names;

  // Refuses flags that cannot work, before the model is loaded.
  std::function<void()> check;

  // What its flags name to be written and read.
  std::function<std::vector<NamedPath>()> outputs = [] { return std::vector<NamedPath>(); };
  std::function<std::vector<NamedPath>()> inputs = [] { return std::vector<NamedPath>(); };

  // Whether it measures EvalInput::data, rather than what it opens.
  bool of_items = false;

  // Whether it draws samples, by EvalInput::sampler.
  std::function<bool()> draws = [] { return false; };

  // Refuses what does not fit the model and the data, before any family measures. `asked` is a
  // non-empty part of names: metrics that one pass can measure together.
  std::function<Measurement(const EvalInput&, const std::vector<std::string>& asked)> prepare;
};

MetricFamily add_bound_metrics(CLI::App& command);  // bpd, rd
MetricFamily add_ode_metrics(CLI::App& command);    // ode-bpd
MetricFamily add_neighbour_metrics(CLI::App& command);
MetricFamily add_sample_metrics(CLI::App& command);  // fid, kid, is, pr, swd, mmd

// The command's progress on stderr, for EvaluationOptions::progress, and for the other processes;
// ends the evaluation after a signal. `text` stands beside the bar.
std::function<void(int64_t done, int64_t total)> show_progress(
    const EvalInput& input, const std::string& unit = "network evaluation",
    const std::string& text = "");

}  // namespace diffuse::cli
