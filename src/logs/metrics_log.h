// metrics.jsonl: one JSON object per line.
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
  // Opens for appending. Lines beyond `resume_step` (from a run that was killed after its last checkpoint)
  // and incomplete or damaged lines are removed first.
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

// The lines of a metrics.jsonl, without incomplete or damaged ones. Throws Error if there is no such file.
std::vector<MetricsRow> read_metrics(const std::filesystem::path& file);

// Rows as comma-separated values, one column per name; empty cells for missing values.
std::string metrics_csv(const std::vector<MetricsRow>& rows);

}  // namespace diffuse
