#include "src/logs/metrics_log.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "diffuse/core/error.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"

namespace diffuse {

using Json = nlohmann::ordered_json;

// A line as an object with a step and a time; nothing for an incomplete or damaged line.
static std::optional<Json> parse_line(std::string_view line) {
  Json parsed = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return std::nullopt;
  const auto step = parsed.find("step"), time = parsed.find("time");
  if (step == parsed.end() || !step->is_number_integer()) return std::nullopt;
  if (time == parsed.end() || !time->is_number()) return std::nullopt;
  return parsed;
}

// Calls use(line, parsed) for each whole line of a log.
template <class Use>
static void for_each_line(const std::filesystem::path& path, const Use& use) {
  const InputFile file(path);
  const std::string text = file.read(0, file.size());
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (const auto parsed = parse_line(line)) use(line, *parsed);
  }
}

static std::string lines_up_to(const std::filesystem::path& path, int64_t last_step) {
  std::string kept;
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return kept;
  for_each_line(path, [&](std::string_view line, const Json& parsed) {
    if (parsed["step"].get<int64_t>() <= last_step) kept.append(line).append("\n");
  });
  return kept;
}

MetricsLog::MetricsLog(const std::filesystem::path& file, int64_t resume_step) {
  atomic_write(file, lines_up_to(file, resume_step));
  file_.open(file, std::ios::app);
  if (!file_) throw Error(file.string(), ": cannot write this file");
}

void MetricsLog::write(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  using Seconds = std::chrono::duration<double>;
  Json line{{"step", step}};
  line["time"] = Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const auto& [name, value] : values) line[name] = value;
  file_ << line.dump() << std::endl;
}

static MetricsRow to_row(const Json& line) {
  MetricsRow row{
      .step = line["step"].get<int64_t>(), .time = line["time"].get<double>(), .values = {}};
  for (const auto& [name, value] : line.items()) {
    if (name == "step" || name == "time") continue;
    const bool finite = value.is_number();  // JSON has no NaN: null stands for it
    row.values.emplace_back(
        name, finite ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  return row;
}

std::vector<MetricsRow> read_metrics(const std::filesystem::path& file) {
  std::vector<MetricsRow> rows;
  for_each_line(file,
                [&](std::string_view, const Json& parsed) { rows.push_back(to_row(parsed)); });
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
