// The metrics of runs as charts.
#include <algorithm>
#include <array>

#include "diffuse/core/error.h"
#include "src/train/run_metrics.h"

namespace diffuse {

namespace {

struct MetricText {
  std::string_view name, title, unit = "";
  bool log = false;
};

constexpr std::array<MetricText, 9> kMetrics{{
    {"train/loss", "Training loss", "per dimension", true},
    {"held_out/loss", "Held-out error of ε", "mean square per dimension", true},
    {"held_out/loss_stderr", "Standard error of the held-out error", "mean square per dimension",
     true},
    {"train/gradient_norm", "Gradient norm", "before clipping", true},
    {"train/learning_rate", "Learning rate", "of the last update"},
    {"train/samples_per_second", "Speed", "samples/s"},
    {"train/data_wait", "Waiting for data", "share of the time"},
    {"train/skipped_steps", "Skipped updates", "since step 0"},
    {"train/overlap", "Communication hidden behind computation", "share"},
}};

const std::string kQuarter = "held_out/loss_t_quarter_";

MetricText text_of(const std::string& metric) {
  const auto known = std::find_if(kMetrics.begin(), kMetrics.end(),
                                  [&](const MetricText& m) { return m.name == metric; });
  if (known != kMetrics.end()) return *known;
  return {.name = metric,
          .title = metric,
          .unit = metric.starts_with("rank_") ? "s per update" : "",
          .log = metric.find("loss") != std::string::npos};
}

bool is_positive(const ChartSeries& series) {
  return std::none_of(series.y.begin(), series.y.end(), [](double y) { return y <= 0; });
}

bool is_shown(const ChartSeries& series) {
  const auto is_zero = [](double y) { return y == 0; };
  return series.x.size() >= 2 && !std::all_of(series.y.begin(), series.y.end(), is_zero);
}

// Errors at little noise and at much, which a mean over t hides.
Chart quarters_chart(const RunMetrics& run, const std::string& label) {
  constexpr std::array<const char*, 4> kQuarters{"t below ¼ T", "¼ to ½", "½ to ¾", "above ¾ T"};
  Chart chart{.title = "Held-out error by quarter of t",
              .unit = label,
              .x_label = "step",
              .series = {},
              .log_y = true};
  for (size_t i = 0; i < kQuarters.size(); ++i) {
    ChartSeries series = run.series(concat(kQuarter, i + 1));
    series.label = kQuarters[i];
    if (is_shown(series)) chart.series.push_back(std::move(series));
  }
  return chart;
}

}  // namespace

Chart metric_chart(const std::vector<RunMetrics>& runs, const std::string& metric) {
  const MetricText text = text_of(metric);
  Chart chart{.title = std::string(text.title),
              .unit = std::string(text.unit),
              .x_label = "step",
              .series = {},
              .log_y = text.log};
  const std::vector<std::string> labels = run_labels(runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    ChartSeries series = runs[i].series(metric);
    if (runs.size() > 1 && !series.x.empty()) series.label = labels[i];
    chart.log_y = chart.log_y && is_positive(series);
    chart.series.push_back(std::move(series));
  }
  return chart;
}

std::vector<Chart> run_charts(const std::vector<RunMetrics>& runs) {
  std::vector<Chart> charts;
  const std::vector<std::string> known = metric_names(runs), labels = run_labels(runs);
  const auto add = [&](Chart chart) {
    if (std::any_of(chart.series.begin(), chart.series.end(), is_shown))
      charts.push_back(std::move(chart));
  };
  std::vector<std::string> drawn{"held_out/loss_stderr"};
  const auto add_metric = [&](const std::string& metric) {
    drawn.push_back(metric);
    add(metric_chart(runs, metric));
  };
  for (const char* const metric : {"train/loss", "held_out/loss"}) add_metric(metric);
  for (size_t i = 0; i < runs.size(); ++i)
    add(quarters_chart(runs[i], runs.size() > 1 ? labels[i] : "mean square per dimension"));
  for (const std::string& metric : known)
    if (!contains(drawn, metric) && !metric.starts_with(kQuarter)) add_metric(metric);
  return charts;
}

}  // namespace diffuse
