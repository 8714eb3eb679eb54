// diffuse plot: curves of the metrics of one or more runs.

#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "src/files/atomic_write.h"
#include "src/train/outputs.h"
#include "src/train/run_metrics.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct PlotFlags {
  std::vector<fs::path> runs;
  fs::path out, csv;
  std::vector<std::string> metrics;
  LogFlags log;
};

// The requested metrics, else the losses.
std::vector<std::string> chosen_metrics(const PlotFlags& flags,
                                        const std::vector<std::string>& known) {
  for (const std::string& metric : flags.metrics)
    if (!contains(known, metric))
      throw Error("--metric ", metric, ": expected one of the runs' metrics, ", join(known),
                  did_you_mean(metric, known));
  if (!flags.metrics.empty()) return flags.metrics;
  std::vector<std::string> losses;
  for (const char* const name : {"train/loss", "held_out/loss"})
    if (contains(known, name)) losses.emplace_back(name);
  if (losses.empty()) throw Error(flags.runs[0].string(), ": no losses logged yet");
  return losses;
}

int run_plot(const PlotFlags& flags) {
  const fs::path out = flags.out.empty() && flags.csv.empty() ? "loss.svg" : flags.out;
  flags.log.apply();
  if (!out.empty()) check_chart_name("-o", out);
  check_outputs({{"-o", out}, {"--csv", flags.csv}});
  std::vector<RunMetrics> runs;
  for (const fs::path& folder : flags.runs) runs.push_back(read_run(folder));
  if (!flags.csv.empty()) {
    if (runs.size() != 1) throw Error("--csv: expected one run, got ", runs.size());
    atomic_write(flags.csv, metrics_csv(runs[0].rows));
    print_path(flags.csv);
    if (out.empty()) return kGood;
  }
  std::vector<Chart> charts;
  for (const std::string& metric : chosen_metrics(flags, metric_names(runs)))
    charts.push_back(metric_chart(runs, metric));
  write_charts(out, charts);
  print_path(out);
  return kGood;
}

}  // namespace

Command add_plot(CLI::App& app) {
  auto flags = std::make_shared<PlotFlags>();
  CLI::App* command = app.add_subcommand("plot", "Draw the metrics of runs as curves");
  command->footer(
      "Examples:\n"
      "  diffuse plot runs/shapes -o loss.svg\n"
      "  diffuse plot runs/a runs/b --metric train/gradient_norm -o norms.svg\n"
      "  diffuse plot runs/shapes --csv metrics.csv");
  command->add_option("runs", flags->runs, "Run folders")->required();
  command->add_option("-o,--out", flags->out, "The charts, .svg or .png; default loss.svg");
  command->add_option("--metric", flags->metrics, "A metric to draw; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--csv", flags->csv, "Write all metrics of one run as a table");
  flags->log.add_to(*command);
  return [flags] { return run_plot(*flags); };
}

}  // namespace diffuse::cli
