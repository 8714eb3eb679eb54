// eval --metrics bpd,rd: the bound term by term, and the rate-distortion curve it traces.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "csv.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/eval/bound.h"
#include "diffuse/files/atomic_write.h"
#include "diffuse/files/file.h"
#include "diffuse/pictures/plot.h"
#include "eval_metrics.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct BoundFlags {
  int64_t timesteps_per_item = 0;
  fs::path csv, plot;
};

// Root-mean-square error of x_0(x_t): in levels of 0 .. 255 for images, as [Ho20] Table 4 has it.
double rmse(const BoundRow& row, bool image) {
  return std::sqrt(row.distortion.mean) * (image ? 127.5 : 1);
}

template <class Value>
Column column(const std::string& name, const Bound& bound, const Value& value) {
  Column c{name, {}};
  for (const BoundRow& row : bound.rows) c.values.push_back(value(row));
  return c;
}

std::vector<Column> columns_of(const Bound& bound, bool image) {
  std::vector<Column> columns{
      column("t", bound, [](const BoundRow& r) { return static_cast<double>(r.t); }),
      column("items", bound, [](const BoundRow& r) { return static_cast<double>(r.items); })};
  for (const auto& [name, part] :
       {std::pair("term", &BoundRow::term), std::pair("monte_carlo", &BoundRow::monte_carlo),
        std::pair("rate", &BoundRow::rate), std::pair("distortion", &BoundRow::distortion)}) {
    const auto member = part;  // what lambdas can capture
    columns.push_back(column(name, bound, [=](const BoundRow& r) { return (r.*member).mean; }));
    columns.push_back(column(concat(name, "_stderr"), bound,
                             [=](const BoundRow& r) { return (r.*member).standard_error; }));
  }
  columns.push_back(column("rmse", bound, [&](const BoundRow& r) { return rmse(r, image); }));
  return columns;
}

PlotSeries series(const std::string& label, const Column& x, const Column& y) {
  return {label, x.values, y.values};
}

// L_0 is of another kind, and negative for points: the plots of terms begin at t = 1.
std::vector<PlotPanel> term_panels(const Bound& bound) {
  Bound later = bound;
  std::erase_if(later.rows, [](const BoundRow& r) { return r.t == 0; });
  const auto c = columns_of(later, false);
  return {{.title = "L_t-1, bits/dim",
           .x_label = "t",
           .series = {series("closed form", c[0], c[2]), series("one draw an item", c[0], c[4])},
           .log_y = true},
          {.title = "standard error of L_t-1 over items, bits/dim",
           .x_label = "t",
           .series = {series("closed form", c[0], c[3]), series("one draw an item", c[0], c[5])},
           .log_y = true}};
}

std::vector<PlotPanel> distortion_panels(const Bound& bound, bool image) {
  const auto c = columns_of(bound, image);
  const Column &t = c[0], &rate = c[6], &error = c[10];
  const std::string unit = image ? "distortion, RMSE in levels of 0..255" : "distortion, RMSE";
  return {{.title = unit, .x_label = "rate, bits/dim", .series = {series("", rate, error)}},
          {.title = unit, .x_label = "t", .series = {series("", t, error)}},
          {.title = "rate, bits/dim", .x_label = "t", .series = {series("", t, rate)}}};
}

void write_plot(const fs::path& file, const Bound& bound, const std::vector<std::string>& asked,
                bool image) {
  std::vector<PlotPanel> panels;
  if (contains(asked, "bpd")) panels = term_panels(bound);
  if (contains(asked, "rd")) {
    const auto more = distortion_panels(bound, image);
    panels.insert(panels.end(), more.begin(), more.end());
  }
  write_png(file, draw_plot(panels));
}

void report_bpd(const Bound& bound, EvalReport& report) {
  nlohmann::ordered_json& json = report.json["bpd"];
  report.text += "\nbits/dim                                 mean      stderr\n";
  const auto line = [&](const char* key, const char* label, const Estimate& estimate) {
    json[key] = json_of(estimate);
    char text[96];
    std::snprintf(text, sizeof text, "%-33s %11.6g %11.3g\n", label, estimate.mean,
                  estimate.standard_error);
    report.text += text;
  };
  line("prior", "L_T       prior", bound.prior);
  line("diffusion", "L_t-1     all t, closed form", bound.diffusion);
  line("diffusion_monte_carlo", "          the same by Monte Carlo", bound.monte_carlo);
  line("reconstruction", "L_0       reconstruction", bound.reconstruction);
  line("total", "total     with the closed form", bound.total);
}

// About ten rows evenly spread, from much noise to little.
void report_rd(const Bound& bound, bool image, EvalReport& report) {
  nlohmann::ordered_json& list = report.json["rd"] = nlohmann::ordered_json::array();
  for (const BoundRow& row : bound.rows)
    list.push_back({{"t", row.t},
                    {"items", row.items},
                    {"rate", json_of(row.rate)},
                    {"distortion", json_of(row.distortion)},
                    {"rmse", rmse(row, image)}});
  report.text += "\n      t  rate, bits/dim        RMSE\n";
  const auto last = static_cast<int64_t>(bound.rows.size()) - 1;
  const int64_t shown = std::min<int64_t>(last, 10);
  for (int64_t i = shown; i >= 0; --i) {
    const BoundRow& row = bound.rows[shown == 0 ? 0 : i * last / shown];
    char text[96];
    std::snprintf(text, sizeof text, "%7lld %15.6g %11.6g\n", static_cast<long long>(row.t),
                  row.rate.mean, rmse(row, image));
    report.text += text;
  }
}

void measure(const BoundFlags& flags, const EvalInput& input, const std::vector<std::string>& asked,
             EvalReport& report) {
  const bool image = input.model.is_image();
  BoundOptions options{.evaluation = input.evaluation,
                       .clip_x0 = input.model.config.sample.clip_x0,
                       .timesteps_per_item = flags.timesteps_per_item};
  options.evaluation.progress = show_progress(input);
  if (flags.timesteps_per_item == 0)
    log_info(concat("every one of ", input.model.config.diffusion.timesteps,
                    " timesteps of every item; --timesteps-per-item takes some of them"));
  const Bound bound = evaluate_bound(*input.model.network, input.diffusion, input.data, options);
  report.json["provenance"]["timesteps_per_item"] = flags.timesteps_per_item;
  if (contains(asked, "bpd")) report_bpd(bound, report);
  if (contains(asked, "rd")) report_rd(bound, image, report);
  if (input.writes() && !flags.csv.empty())
    atomic_write(flags.csv, csv_of(columns_of(bound, image)));
  if (input.writes() && !flags.plot.empty()) write_plot(flags.plot, bound, asked, image);
}

}  // namespace

MetricFamily add_bound_metrics(CLI::App& command) {
  auto flags = std::make_shared<BoundFlags>();
  command
      .add_option("--timesteps-per-item", flags->timesteps_per_item,
                  "Of the T - 1 terms L_t-1, chosen at random for each item; 0 = all. Fewer cost "
                  "variance, not bias")
      ->group("bpd, rd");
  command.add_option("--csv", flags->csv, "Write every figure for every timestep")
      ->group("bpd, rd");
  command.add_option("--plot", flags->plot, "Draw them as a .png")->group("bpd, rd");
  return {.names = {"bpd", "rd"},
          .check =
              [flags] {
                if (flags->timesteps_per_item < 0)
                  throw Error("--timesteps-per-item: expected at least 1, or 0 for all, got ",
                              flags->timesteps_per_item);
                if (!flags->plot.empty() && ending_of(flags->plot) != ".png")
                  throw Error("--plot ", flags->plot.string(), ": expected a name ending in .png");
              },
          .outputs =
              [flags] {
                return std::vector<NamedPath>{{"--csv", flags->csv}, {"--plot", flags->plot}};
              },
          .of_items = true,
          .prepare =
              [flags](const EvalInput& input, const std::vector<std::string>& asked) {
                return [flags, &input, asked](EvalReport& r) { measure(*flags, input, asked, r); };
              }};
}

}  // namespace diffuse::cli
