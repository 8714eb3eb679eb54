#include "diffuse/io/metrics_log.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

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

static MetricsRow parse_row(const nlohmann::ordered_json& line) {
  MetricsRow row;
  row.step = line.value("step", int64_t{0});
  row.time = line.value("time", 0.0);
  for (const auto& [name, value] : line.items()) {
    if (name == "step" || name == "time") continue;
    const bool finite = value.is_number();  // JSON has no NaN: null stands for it
    row.values.emplace_back(
        name, finite ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  return row;
}

std::vector<MetricsRow> read_metrics(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw Error(file.string(), ": cannot be read: not a file of metrics");
  std::vector<MetricsRow> rows;
  for (std::string line; std::getline(in, line);) {
    const auto parsed = nlohmann::ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) rows.push_back(parse_row(parsed));
  }
  return rows;
}

std::string metrics_csv(const std::vector<MetricsRow>& rows) {
  std::vector<std::string> names;
  for (const MetricsRow& row : rows)
    for (const auto& [name, value] : row.values)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  std::ostringstream csv;
  csv << std::setprecision(17) << "step,time";
  for (const std::string& name : names) csv << "," << name;
  for (const MetricsRow& row : rows) {
    csv << "\n" << row.step << "," << row.time;
    for (const std::string& name : names) {
      csv << ",";
      for (const auto& [key, value] : row.values)
        if (key == name) csv << value;
    }
  }
  csv << "\n";
  return csv.str();
}

}  // namespace diffuse
