// eval --metrics bpd,rd: the bound term by term, and its rate-distortion curve.
#include <filesystem>
#include <memory>

#include "diffuse/core/error.h"
#include "eval_metrics.h"
#include "src/core/log.h"
#include "src/data/normalization.h"
#include "src/eval/bound_levels.h"
#include "src/eval/bound_report.h"
#include "src/files/atomic_write.h"
#include "src/pictures/chart.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct BoundFlags {
  int64_t timesteps_per_item = 0;
  fs::path csv, plot;
};

// The charts of the requested metrics.
std::vector<Chart> charts_of(const Bound& bound, const std::vector<std::string>& asked,
                             bool levels) {
  std::vector<Chart> charts;
  if (contains(asked, "bpd")) charts = term_charts(bound);
  if (contains(asked, "rd"))
    for (Chart& chart : distortion_charts(bound, levels)) charts.push_back(std::move(chart));
  return charts;
}

// Of T timesteps, t = 0 is always measured.
void check_timesteps(const BoundFlags& flags, const Model& model) {
  const int64_t most = BoundLevels(model.diffusion().process()).count() - 1;
  if (flags.timesteps_per_item > most)
    throw Error("--timesteps-per-item: expected 1 to ", most, ", or 0 for all, got ",
                flags.timesteps_per_item);
}

void measure(const BoundFlags& flags, const EvalInput& input, const std::vector<std::string>& asked,
             EvalReport& report) {
  const bool levels =
      input.model.is_image() && picture_range(input.model.config().data) == std::pair(-1.0, 1.0);
  BoundOptions options{.evaluation = input.evaluation,
                       .clip_x0 = input.model.config().sample.clip_x0,
                       .timesteps_per_item = flags.timesteps_per_item};
  options.evaluation.progress = show_progress(input);
  if (flags.timesteps_per_item == 0)
    log_info(concat("all ", BoundLevels(input.model.diffusion().process()).count(),
                    " timesteps of each item; --timesteps-per-item samples some of them"));
  const Bound bound =
      evaluate_bound(input.model.network(), input.model.diffusion(), input.data, options);
  report.json["provenance"]["timesteps_per_item"] = flags.timesteps_per_item;
  if (contains(asked, "bpd")) add_bpd(bound, report);
  if (contains(asked, "rd")) add_rd(bound, levels, report);
  if (input.writes() && !flags.csv.empty())
    atomic_write(flags.csv, csv_of(bound_columns(bound, levels)));
  if (input.writes() && !flags.plot.empty())
    write_charts(flags.plot, charts_of(bound, asked, levels));
}

}  // namespace

MetricFamily add_bound_metrics(CLI::App& command) {
  auto flags = std::make_shared<BoundFlags>();
  command
      .add_option("--timesteps-per-item", flags->timesteps_per_item,
                  "How many of the T - 1 terms L_t-1, at random for each item; 0 = all. Fewer add "
                  "variance, not bias")
      ->group("bpd, rd");
  command.add_option("--csv", flags->csv, "Write every figure for every timestep")
      ->group("bpd, rd");
  command.add_option("--plot", flags->plot, "Draw the figures as charts: .svg or .png")
      ->group("bpd, rd");
  return {.names = {"bpd", "rd"},
          .check =
              [flags] {
                if (flags->timesteps_per_item < 0)
                  throw Error("--timesteps-per-item: expected at least 1, or 0 for all, got ",
                              flags->timesteps_per_item);
                if (!flags->plot.empty()) check_chart_name("--plot", flags->plot);
              },
          .outputs =
              [flags] {
                return std::vector<NamedPath>{{"--csv", flags->csv}, {"--plot", flags->plot}};
              },
          .of_items = true,
          .prepare =
              [flags](const EvalInput& input, const std::vector<std::string>& asked) {
                check_timesteps(*flags, input.model);
                return [flags, &input, asked](EvalReport& r) { measure(*flags, input, asked, r); };
              }};
}

}  // namespace diffuse::cli
