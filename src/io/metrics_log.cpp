#include "diffuse/io/metrics_log.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "diffuse/io/atomic_write.h"

namespace diffuse {

// The whole lines of a log up to a step.
static std::string lines_up_to(const std::filesystem::path& file, int64_t last_step) {
  std::ifstream in(file);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object() && parsed.value("step", int64_t{0}) <= last_step) kept += line + "\n";
  }
  return kept;
}

MetricsLog::MetricsLog(const std::filesystem::path& file, int64_t resume_step) {
  atomic_write(file, lines_up_to(file, resume_step));
  file_.open(file, std::ios::app);
  if (!file_) throw Error(file.string(), ": cannot write this file");
}

void MetricsLog::write(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  using Seconds = std::chrono::duration<double>;
  nlohmann::ordered_json line{{"step", step}};
  line["time"] = Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const auto& [name, value] : values) line[name] = value;
  file_ << line.dump() << std::endl;
}

}  // namespace diffuse
