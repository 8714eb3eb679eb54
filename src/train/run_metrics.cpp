#include "src/train/run_metrics.h"

#include <algorithm>
#include <charconv>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"

namespace fs = std::filesystem;

namespace diffuse {

std::vector<std::string> RunMetrics::names() const {
  std::vector<std::string> names;
  for (const MetricsRow& row : rows)
    for (const auto& [name, value] : row.values)
      if (!contains(names, name)) names.push_back(name);
  return names;
}

PlotSeries RunMetrics::series(const std::string& metric) const {
  PlotSeries series;
  for (const MetricsRow& row : rows)
    for (const auto& [name, value] : row.values) {
      if (name != metric) continue;
      series.x.push_back(static_cast<double>(row.step));
      series.y.push_back(value);
    }
  return series;
}

std::optional<double> RunMetrics::last(const std::string& metric) const {
  const PlotSeries all = series(metric);
  return all.y.empty() ? std::nullopt : std::optional(all.y.back());
}

std::vector<std::pair<int64_t, fs::path>> RunMetrics::pictures() const {
  std::vector<std::pair<int64_t, fs::path>> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder / "samples", none)) {
    const std::string stem = entry.path().stem().string();
    int64_t step = -1;
    if (entry.path().extension() == ".png" && stem.starts_with("step-"))
      std::from_chars(stem.data() + 5, stem.data() + stem.size(), step);
    if (step >= 0) found.emplace_back(step, entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool is_run_folder(const fs::path& folder) {
  return fs::exists(folder / "config.json") && fs::exists(folder / "metrics.jsonl");
}

RunMetrics read_run(const fs::path& folder) {
  if (!is_run_folder(folder))
    throw Error(folder.string(), ": not a run folder: it has no config.json and metrics.jsonl");
  return {.folder = folder,
          .config = load_config(folder / "config.json"),
          .rows = read_metrics(folder / "metrics.jsonl")};
}

PlotPanel metric_panel(const std::vector<RunMetrics>& runs, const std::string& metric) {
  PlotPanel panel{.title = metric, .x_label = "step", .series = {}};
  bool positive = true;
  for (const RunMetrics& run : runs) {
    PlotSeries series = run.series(metric);
    if (series.x.empty()) continue;
    if (runs.size() > 1) series.label = run.folder.string();
    for (const double y : series.y) positive = positive && !(y <= 0);
    panel.series.push_back(std::move(series));
  }
  panel.log_y = positive && metric.find("loss") != std::string::npos;
  return panel;
}

}  // namespace diffuse
