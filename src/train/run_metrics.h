// A run folder for ls, plot and report: its config and figures, read without LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "src/logs/metrics_log.h"
#include "src/pictures/chart.h"
#include "src/train/run_facts.h"

namespace diffuse {

struct RunMetrics {
  std::filesystem::path folder;
  Config config;
  std::vector<MetricsRow> rows;  // by step
  RunFacts facts;

  std::vector<std::string> names() const;                       // of its metrics
  std::optional<double> last(const std::string& metric) const;  // its newest value
  ChartSeries series(const std::string& metric) const;          // without a label
  int64_t step() const { return rows.empty() ? 0 : rows.back().step; }

  // Seconds of training up to the last report, pauses between sessions left out.
  double seconds() const;

  // samples/step-N.png by N.
  std::vector<std::pair<int64_t, std::filesystem::path>> pictures() const;
};

// Whether `folder` holds config.json and metrics.jsonl.
bool is_run_folder(const std::filesystem::path& folder);

// Throws Error naming the folder if it is not a run folder.
RunMetrics read_run(const std::filesystem::path& folder);

// Short names, no two alike: the folders' own, or their paths.
std::vector<std::string> run_labels(const std::vector<RunMetrics>& runs);

// Every metric that any of the runs has.
std::vector<std::string> metric_names(const std::vector<RunMetrics>& runs);

// A metric's chart, a line for each run that has it.
Chart metric_chart(const std::vector<RunMetrics>& runs, const std::string& metric);

// All metrics as charts of at least two points each: losses first, those of the quarters of t in one
// chart a run. What is 0 throughout is left out.
std::vector<Chart> run_charts(const std::vector<RunMetrics>& runs);

}  // namespace diffuse
