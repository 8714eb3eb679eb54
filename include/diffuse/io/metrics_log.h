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
  // checkpoint) and unfinished ones are dropped first.
  MetricsLog(const std::filesystem::path& file, int64_t resume_step);

  // {"step": step, "time": <Unix seconds>, <name>: <value>, ...}, flushed.
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& values);

 private:
  std::ofstream file_;
};

}  // namespace diffuse
