#include "src/measure/sampler_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"

namespace diffuse {

nlohmann::ordered_json json_of(const std::vector<SamplerError>& results, int64_t count,
                               int64_t reference) {
  auto list = nlohmann::ordered_json::array();
  for (const SamplerError& r : results) {
    list.push_back({{"sampler", word_of(r.sampler)},
                    {"spacing", word_of(r.spacing)},
                    {"steps", r.steps},
                    {"network_calls", r.calls},
                    {"rmse", r.error},
                    {"seconds", r.seconds}});
    if (r.distance) list.back()["fid"] = *r.distance;
  }
  return {{"samples", count}, {"reference_steps", reference}, {"results", list}};
}

std::string text_of(const std::vector<SamplerError>& results, int64_t count) {
  char line[128];
  std::snprintf(line, sizeof line, "%-11s %-10s %6s %6s %12s %12s", "sampler", "spacing", "steps",
                "calls", "rmse", "ms/sample");
  std::string text = concat(line, results[0].distance ? "          fid" : "", "\n");
  for (const SamplerError& r : results) {
    std::snprintf(line, sizeof line, "%-11s %-10s %6lld %6lld %12.4g %12.4g",
                  entry_of(r.sampler).text, entry_of(r.spacing).text,
                  static_cast<long long>(r.steps), static_cast<long long>(r.calls), r.error,
                  r.seconds * 1e3 / static_cast<double>(count));
    text += line;
    std::snprintf(line, sizeof line, " %12.4g", r.distance.value_or(0));
    text += concat(r.distance ? line : "", "\n");
  }
  return text;
}

std::string text_of_fewest(const std::vector<SamplerError>& results, double tolerance) {
  const SamplerError* best = nullptr;
  for (const SamplerError& r : results)
    if (r.error <= tolerance && (best == nullptr || r.calls < best->calls)) best = &r;
  if (best == nullptr) return concat("none is within ", tolerance, "\n");
  return concat("fewest network calls within ", tolerance, ": --sampler ", best->sampler,
                " --spacing ", best->spacing, " --steps ", best->steps, "\n");
}

template <class Value>
static Chart chart_of(const std::string& title, const std::vector<SamplerError>& results,
                      const Value& value) {
  Chart chart{.title = title,
              .unit = "",
              .x_label = "network calls",
              .series = {},
              .log_x = true,
              .log_y = true};
  for (const SamplerError& r : results) {
    if (chart.series.empty() || chart.series.back().label != word_of(r.sampler))
      chart.series.push_back({word_of(r.sampler), {}, {}});
    chart.series.back().x.push_back(static_cast<double>(r.calls));
    chart.series.back().y.push_back(value(r));
  }
  return chart;
}

std::vector<Chart> charts_of(const std::vector<SamplerError>& results) {
  std::vector<Chart> charts{chart_of("RMS distance from the ODE's exact solution", results,
                                     [](const auto& r) { return r.error; })};
  if (results[0].distance)
    charts.push_back(chart_of("FID", results, [](const auto& r) { return *r.distance; }));
  return charts;
}

}  // namespace diffuse
