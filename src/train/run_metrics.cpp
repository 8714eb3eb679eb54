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

ChartSeries RunMetrics::series(const std::string& metric) const {
  ChartSeries series;
  for (const MetricsRow& row : rows)
    for (const auto& [name, value] : row.values) {
      if (name != metric) continue;
      series.x.push_back(static_cast<double>(row.step));
      series.y.push_back(value);
    }
  return series;
}

std::optional<double> RunMetrics::last(const std::string& metric) const {
  const ChartSeries all = series(metric);
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

// What the steps took at the speed that each report tells of.
double RunMetrics::seconds() const {
  double seconds = 0;
  int64_t step = 0;
  for (const MetricsRow& row : rows)
    for (const auto& [name, value] : row.values) {
      if (name != "train/samples_per_second" || !(value > 0)) continue;
      seconds += static_cast<double>((row.step - step) * config.train.batch_size) / value;
      step = row.step;
    }
  return seconds;
}

bool is_run_folder(const fs::path& folder) {
  return fs::exists(folder / "config.json") && fs::exists(folder / "metrics.jsonl");
}

RunMetrics read_run(const fs::path& folder) {
  if (!is_run_folder(folder))
    throw Error(folder.string(), ": not a run folder: it has no config.json and metrics.jsonl");
  return {.folder = folder,
          .config = load_config(folder / "config.json"),
          .rows = read_metrics(folder / "metrics.jsonl"),
          .facts = read_run_facts(folder)};
}

std::vector<std::string> run_labels(const std::vector<RunMetrics>& runs) {
  std::vector<std::string> names, paths;
  bool alike = false;
  for (const RunMetrics& run : runs) {
    const std::string name = fs::weakly_canonical(run.folder).filename().string();
    alike = alike || contains(names, name);
    names.push_back(name);
    paths.push_back(run.folder.string());
  }
  return alike ? paths : names;
}

std::vector<std::string> metric_names(const std::vector<RunMetrics>& runs) {
  std::vector<std::string> names;
  for (const RunMetrics& run : runs)
    for (const std::string& name : run.names())
      if (!contains(names, name)) names.push_back(name);
  return names;
}

}  // namespace diffuse
