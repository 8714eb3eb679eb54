#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "html.h"
#include "page.h"
#include "src/core/duration.h"
#include "src/files/file.h"

namespace fs = std::filesystem;

namespace diffuse {

namespace {

using Fact = std::pair<std::string, std::string>;  // a name with its unit, a value

// "35,746,307".
std::string counted(int64_t value) {
  std::string text = std::to_string(value);
  for (auto place = static_cast<int64_t>(text.size()) - 3; place > 0; place -= 3)
    text.insert(static_cast<size_t>(place), ",");
  return text;
}

std::string with_error(double mean, double error) {
  const std::string text = concat(std::setprecision(4), mean);
  return std::isfinite(error) ? concat(text, " ± ", std::setprecision(2), error) : text;
}

std::string unit_of_samples(const ModelConfig& model) {
  if (model.sample_kind == SampleKind::kUnset) return "samples";
  return is_image(model.sample_kind)                ? "images"
         : model.sample_kind == SampleKind::kSignal ? "signals"
                                                    : "points";
}

std::string data_text(const Config& config) {
  std::vector<std::string> sides;
  for (const int64_t side : config.model.sample_shape) sides.push_back(concat(side));
  std::string text = word_of(config.data.type);
  if (!sides.empty()) text += ", " + join(sides, " × ");
  if (config.model.classes > 0) text += concat(", ", config.model.classes, " classes");
  return text;
}

std::string date_text(double unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm utc{};
  char text[32];
  gmtime_r(&time, &utc);
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &utc);
  return text;
}

void add_training(const RunMetrics& run, std::vector<Fact>& facts) {
  const TrainConfig& train = run.config.train;
  const std::string unit = unit_of_samples(run.config.model);
  const int64_t seen = run.step() * train.batch_size;
  facts.emplace_back("data", data_text(run.config));
  facts.emplace_back("model", word_of(run.config.model.type));
  if (run.facts.parameters > 0) facts.emplace_back("parameters", counted(run.facts.parameters));
  facts.emplace_back("steps", concat(counted(run.step()), " of ", counted(train.steps)));
  facts.emplace_back("batch", concat(train.batch_size, " ", unit, " per step"));
  facts.emplace_back("seen", concat(counted(seen), " ", unit));
  if (const double seconds = run.seconds(); seconds > 0) {
    facts.emplace_back("training time", format_duration(seconds));
    facts.emplace_back("speed", concat(std::setprecision(4), static_cast<double>(seen) / seconds,
                                       " ", unit, "/s"));
  }
  if (!run.rows.empty() && run.rows.back().time > 0)
    facts.emplace_back("last report, UTC", date_text(run.rows.back().time));
}

void add_losses(const RunMetrics& run, std::vector<Fact>& facts) {
  if (const auto loss = run.last("train/loss"))
    facts.emplace_back("training loss, per dimension", concat(std::setprecision(4), *loss));
  if (const auto loss = run.last("held_out/loss"))
    facts.emplace_back("held-out error of ε, mean square per dimension",
                       with_error(*loss, run.last("held_out/loss_stderr").value_or(std::nan(""))));
}

void add_machine(const RunMetrics& run, std::vector<Fact>& facts) {
  const RunFacts& made = run.facts;
  if (!made.device.empty())
    facts.emplace_back(
        "device",
        concat(made.device, made.device == "cpu" ? concat(", ", made.threads, " threads") : "",
               made.processes > 1 ? concat(", ", made.processes, " processes") : ""));
  facts.emplace_back("precision",
                     made.precision.empty() ? word_of(run.config.train.precision) : made.precision);
  facts.emplace_back("seed", concat(run.config.seed));
  if (!made.program.empty())
    facts.emplace_back("versions", concat(made.program, ", LibTorch ", made.libtorch));
}

struct EvalFigure {
  const char *name, *value, *error;  // JSON paths of an `eval --json`; "" = none
};

constexpr EvalFigure kEvalFigures[] = {{"bits/dim, bound", "/bpd/total/mean", "/bpd/total/stderr"},
                                       {"bits/dim, ODE", "/ode-bpd/mean", "/ode-bpd/stderr"},
                                       {"FID", "/fid", ""},
                                       {"KID", "/kid/mean", "/kid/stddev"},
                                       {"Inception Score", "/is/mean", "/is/stddev"},
                                       {"precision", "/pr/precision", ""},
                                       {"recall", "/pr/recall", ""},
                                       {"sliced Wasserstein distance", "/swd", ""},
                                       {"squared MMD", "/mmd/value", ""},
                                       {"RMS distance to the nearest training item",
                                        "/neighbours/nearest/mean", "/neighbours/nearest/stderr"}};

double number_at(const nlohmann::json& json, const std::string& path) {
  const nlohmann::json::json_pointer pointer(path);
  return !path.empty() && json.contains(pointer) && json[pointer].is_number()
             ? json[pointer].get<double>()
             : std::nan("");
}

// The figures that `eval --json` wrote into the run's folder. Links are skipped.
void add_evaluations(const RunMetrics& run, std::vector<Fact>& facts) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run.folder, none))
    if (ending_of(entry.path()) == ".json" && fs::is_regular_file(entry.symlink_status(none)))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::ifstream in(file);
    const auto json = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("provenance")) continue;
    const double step = number_at(json, "/provenance/step");
    for (const EvalFigure& figure : kEvalFigures) {
      const double value = number_at(json, figure.value);
      if (std::isnan(value)) continue;
      std::string text = with_error(value, number_at(json, figure.error));
      if (step != static_cast<double>(run.step())) text += concat(" at step ", step);
      facts.emplace_back(figure.name, text);
    }
  }
}

std::vector<Fact> facts_of(const RunMetrics& run) {
  std::vector<Fact> facts;
  add_training(run, facts);
  add_losses(run, facts);
  add_evaluations(run, facts);
  add_machine(run, facts);
  return facts;
}

}  // namespace

std::string report_summary(const std::vector<RunMetrics>& runs) {
  std::vector<std::vector<std::string>> rows;
  if (runs.size() > 1) {
    rows.push_back(run_labels(runs));
    rows[0].insert(rows[0].begin(), "");
  }
  const size_t first = rows.size();
  for (size_t i = 0; i < runs.size(); ++i)
    for (const auto& [name, value] : facts_of(runs[i])) {
      auto row = std::find_if(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(),
                              [&, key = name](const auto& r) { return r[0] == key; });
      if (row == rows.end()) {
        rows.emplace_back(runs.size() + 1, "–")[0] = name;
        row = rows.end() - 1;
      }
      (*row)[i + 1] = value;
    }
  return html_table(rows, runs.size() > 1);
}

}  // namespace diffuse
