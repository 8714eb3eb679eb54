// A run folder as ls, plot and report see it: its config and figures, read without LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "src/logs/metrics_log.h"
#include "src/pictures/plot.h"

namespace diffuse {

struct RunMetrics {
  std::filesystem::path folder;
  Config config;
  std::vector<MetricsRow> rows;  // by step

  std::vector<std::string> names() const;                       // of its metrics
  std::optional<double> last(const std::string& metric) const;  // its newest value
  PlotSeries series(const std::string& metric) const;           // without a label
  int64_t step() const { return rows.empty() ? 0 : rows.back().step; }

  // samples/step-N.png by N.
  std::vector<std::pair<int64_t, std::filesystem::path>> pictures() const;
};

// Whether `folder` holds config.json and metrics.jsonl.
bool is_run_folder(const std::filesystem::path& folder);

// Throws Error naming the folder where it is no run's.
RunMetrics read_run(const std::filesystem::path& folder);

// One panel of a metric, a line for each run that has it.
PlotPanel metric_panel(const std::vector<RunMetrics>& runs, const std::string& metric);

}  // namespace diffuse
