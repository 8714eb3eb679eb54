// metrics.jsonl: one JSON object a line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace diffuse {

class MetricsLog {
 public:
  // Opens for appending. Lines beyond `resume_step` (left by a run that was killed after its last
  // checkpoint) and unfinished or damaged ones are dropped first.
  MetricsLog(const std::filesystem::path& file, int64_t resume_step);

  // {"step": step, "time": <Unix seconds>, <name>: <value>, ...}, flushed.
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& values);

 private:
  std::ofstream file_;
};

struct MetricsRow {
  int64_t step = 0;
  double time = 0;  // Unix seconds
  std::vector<std::pair<std::string, double>> values;
};

// The lines of a metrics.jsonl; those that are unfinished or damaged are passed over. Throws Error where
// there is no such file.
std::vector<MetricsRow> read_metrics(const std::filesystem::path& file);

// Rows as comma-separated values, one column for each name that occurs, empty where a row has none.
std::string metrics_csv(const std::vector<MetricsRow>& rows);

}  // namespace diffuse
