#include "run_list.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "diffuse/core/error.h"
#include "src/core/duration.h"

namespace fs = std::filesystem;

namespace diffuse {

// Adds the run in `folder`; returns whether there is one.
static bool add_run(const fs::path& folder, RunList& runs) {
  try {
    if (!is_run_folder(folder)) return false;
    runs.whole.push_back(read_run(folder));
  } catch (const Error& error) {
    runs.broken.push_back({folder, error.what()});
  } catch (const fs::filesystem_error& error) {
    runs.broken.push_back({folder, concat(error.path1().string(), ": ", error.code().message())});
  }
  return true;
}

// The run folders among `places`, and directly below the other folders.
RunList find_runs(const std::vector<fs::path>& places) {
  RunList runs;
  for (const fs::path& place : places) {
    if (!fs::is_directory(place)) throw Error(place.string(), ": no such folder");
    if (add_run(place, runs)) continue;
    std::vector<fs::path> folders;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(place))
      if (entry.is_directory(none)) folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    for (const fs::path& folder : folders) add_run(folder, runs);
  }
  return runs;
}

static std::string number_text(std::optional<double> value) {
  return value ? concat(std::setprecision(4), *value) : "-";
}

static std::string age_text(const RunMetrics& run) {
  if (run.rows.empty()) return "-";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const double seconds = std::chrono::duration<double>(now).count() - run.rows.back().time;
  return format_duration(std::max(seconds, 0.0)) + " ago";
}

static std::string last_picture(const RunMetrics& run) {
  const auto pictures = run.pictures();
  return pictures.empty() ? "-" : pictures.back().second.string();
}

using Row = std::vector<std::string>;

// Columns as wide as their widest cell, two spaces apart.
static std::string table_text(const std::vector<Row>& rows) {
  std::ostringstream out;
  std::vector<size_t> widths(rows.at(0).size());
  for (const Row& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const Row& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i)
      out << std::left << std::setw(static_cast<int>(widths[i] + 2)) << row[i];
    out << row.back() << "\n";
  }
  return out.str();
}

static nlohmann::ordered_json to_json(const RunMetrics& run) {
  const auto metric = [&](const char* name) -> nlohmann::ordered_json {
    const auto value = run.last(name);
    return value ? nlohmann::ordered_json(*value) : nullptr;
  };
  const auto pictures = run.pictures();
  return {{"run", run.folder.string()},
          {"data", word_of(run.config.data.type)},
          {"model", word_of(run.config.model.type)},
          {"step", run.step()},
          {"steps", run.config.train.steps},
          {"loss", metric("train/loss")},
          {"held_out_loss", metric("held_out/loss")},
          {"time", run.rows.empty() ? 0 : run.rows.back().time},
          {"picture", pictures.empty() ? "" : pictures.back().second.string()}};
}

nlohmann::ordered_json json_of(const RunList& runs) {
  auto list = nlohmann::ordered_json::array();
  for (const RunMetrics& run : runs.whole) list.push_back(to_json(run));
  for (const BrokenRun& run : runs.broken)
    list.push_back({{"run", run.folder.string()}, {"error", run.reason}});
  return list;
}

std::string text_of(const RunList& runs) {
  std::vector<Row> rows{{"run", "data", "model", "step", "loss", "held-out", "updated", "picture"}};
  for (const RunMetrics& run : runs.whole)
    rows.push_back({run.folder.string(), word_of(run.config.data.type),
                    word_of(run.config.model.type), concat(run.step(), "/", run.config.train.steps),
                    number_text(run.last("train/loss")), number_text(run.last("held_out/loss")),
                    age_text(run), last_picture(run)});
  for (const BrokenRun& run : runs.broken)
    rows.push_back({run.folder.string(), "broken", "-", "-", "-", "-", "-", "-"});
  return table_text(rows);
}

}  // namespace diffuse
