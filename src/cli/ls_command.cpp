// diffuse ls: the runs below a folder, a line each.
#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "src/train/run_metrics.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

// A run folder that cannot be read, and why.
struct BrokenRun {
  fs::path folder;
  std::string reason;
};

struct Runs {
  std::vector<RunMetrics> whole;
  std::vector<BrokenRun> broken;
};

// Adds the run in `folder`; returns whether there is one.
bool add_run(const fs::path& folder, Runs& runs) {
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

// The run folders among `places` and, of other folders, just below them.
Runs find_runs(const std::vector<fs::path>& places) {
  Runs runs;
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

std::string number_text(std::optional<double> value) {
  return value ? concat(std::setprecision(4), *value) : "-";
}

std::string age_text(const RunMetrics& run) {
  if (run.rows.empty()) return "-";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const double seconds = std::chrono::duration<double>(now).count() - run.rows.back().time;
  return format_duration(std::max(seconds, 0.0)) + " ago";
}

std::string last_picture(const RunMetrics& run) {
  const auto pictures = run.pictures();
  return pictures.empty() ? "-" : pictures.back().second.string();
}

using Row = std::vector<std::string>;

// Columns as wide as their widest cell, two spaces apart.
void print_table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.at(0).size());
  for (const Row& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const Row& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i)
      std::cout << std::left << std::setw(static_cast<int>(widths[i] + 2)) << row[i];
    std::cout << row.back() << "\n";
  }
}

nlohmann::ordered_json to_json(const RunMetrics& run) {
  const auto metric = [&](const char* name) -> nlohmann::ordered_json {
    const auto value = run.last(name);
    return value ? nlohmann::ordered_json(*value) : nullptr;
  };
  const auto pictures = run.pictures();
  return {{"run", run.folder.string()},
          {"data", run.config.data.type},
          {"model", run.config.model.type},
          {"step", run.step()},
          {"steps", run.config.train.steps},
          {"loss", metric("train/loss")},
          {"held_out_loss", metric("held_out/loss")},
          {"time", run.rows.empty() ? 0 : run.rows.back().time},
          {"picture", pictures.empty() ? "" : pictures.back().second.string()}};
}

int run_ls(const std::vector<fs::path>& places, bool json) {
  const Runs runs = find_runs(places);
  const int exit_code = runs.whole.empty() && !runs.broken.empty() ? kBadUse : kGood;
  for (const BrokenRun& run : runs.broken) log_warning("cannot be listed: " + run.reason);
  if (json) {
    auto list = nlohmann::ordered_json::array();
    for (const RunMetrics& run : runs.whole) list.push_back(to_json(run));
    for (const BrokenRun& run : runs.broken)
      list.push_back({{"run", run.folder.string()}, {"error", run.reason}});
    std::cout << json_text(list) << "\n";
    return exit_code;
  }
  std::vector<Row> rows{{"run", "data", "model", "step", "loss", "held-out", "updated", "picture"}};
  for (const RunMetrics& run : runs.whole)
    rows.push_back({run.folder.string(), run.config.data.type, run.config.model.type,
                    concat(run.step(), "/", run.config.train.steps),
                    number_text(run.last("train/loss")), number_text(run.last("held_out/loss")),
                    age_text(run), last_picture(run)});
  for (const BrokenRun& run : runs.broken)
    rows.push_back({run.folder.string(), "broken", "-", "-", "-", "-", "-", "-"});
  print_table(rows);
  return exit_code;
}

}  // namespace

Command add_ls(CLI::App& app) {
  auto places = std::make_shared<std::vector<fs::path>>(1, "runs");
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("ls", "List runs: steps, losses, newest picture");
  command->footer(
      "Examples:\n"
      "  diffuse ls\n"
      "  diffuse ls runs /scratch/runs --json");
  command->add_option("runs", *places, "Run folders, or folders of them; default runs");
  command->add_flag("--json", *json, "Print a JSON list");
  return [places, json] { return run_ls(*places, *json); };
}

}  // namespace diffuse::cli
