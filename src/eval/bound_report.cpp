#include "src/eval/bound_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "diffuse/core/error.h"

namespace diffuse {

// Root-mean-square error of x_0(x_t); for images in levels of 0 .. 255, as in [Ho20] Table 4.
static double rmse(const BoundRow& row, bool levels) {
  return std::sqrt(row.distortion.mean) * (levels ? 127.5 : 1);
}

template <class Value>
static Column column(const std::string& name, const Bound& bound, const Value& value) {
  Column c{name, {}};
  for (const BoundRow& row : bound.rows) c.values.push_back(value(row));
  return c;
}

std::vector<Column> bound_columns(const Bound& bound, bool levels) {
  std::vector<Column> columns{
      column("t", bound, [](const BoundRow& r) { return static_cast<double>(r.t); }),
      column("items", bound, [](const BoundRow& r) { return static_cast<double>(r.items); })};
  for (const auto& [name, part] :
       {std::pair("term", &BoundRow::term), std::pair("monte_carlo", &BoundRow::monte_carlo),
        std::pair("rate", &BoundRow::rate), std::pair("distortion", &BoundRow::distortion)}) {
    const auto member = part;  // lambdas cannot capture structured bindings
    columns.push_back(column(name, bound, [=](const BoundRow& r) { return (r.*member).mean; }));
    columns.push_back(column(concat(name, "_stderr"), bound,
                             [=](const BoundRow& r) { return (r.*member).standard_error; }));
  }
  columns.push_back(column("rmse", bound, [&](const BoundRow& r) { return rmse(r, levels); }));
  return columns;
}

static ChartSeries series(const std::string& label, const Column& x, const Column& y) {
  return {label, x.values, y.values};
}

// L_0 is of another kind, and negative for points: the charts of terms begin at t = 1.
std::vector<Chart> term_charts(const Bound& bound) {
  Bound later = bound;
  std::erase_if(later.rows, [](const BoundRow& r) { return r.t == 0; });
  const auto c = bound_columns(later, false);
  return {{.title = "Lₜ₋₁",
           .unit = "bits/dim",
           .x_label = "t",
           .series = {series("closed form", c[0], c[2]), series("one sample per item", c[0], c[4])},
           .log_y = true},
          {.title = "standard error of Lₜ₋₁ over items",
           .unit = "bits/dim",
           .x_label = "t",
           .series = {series("closed form", c[0], c[3]), series("one sample per item", c[0], c[5])},
           .log_y = true}};
}

std::vector<Chart> distortion_charts(const Bound& bound, bool levels) {
  const auto c = bound_columns(bound, levels);
  const Column &t = c[0], &rate = c[6], &error = c[10];
  const std::string unit = levels ? "RMSE in levels of 0..255" : "RMSE";
  return {{.title = "distortion",
           .unit = unit,
           .x_label = "rate, bits/dim",
           .series = {series("", rate, error)}},
          {.title = "distortion", .unit = unit, .x_label = "t", .series = {series("", t, error)}},
          {.title = "rate", .unit = "bits/dim", .x_label = "t", .series = {series("", t, rate)}}};
}

void add_bpd(const Bound& bound, EvalReport& report) {
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

void add_ode_bpd(const OdeLikelihood& found, const OdeOptions& options, EvalReport& report) {
  nlohmann::ordered_json& json = report.json["ode-bpd"] = json_of(found.bits);
  if (found.steps > 0)
    json["steps"] = found.steps;
  else
    json["tolerance"] = options.tolerance;
  json["calls"] = found.calls;
  json["probes"] = options.probes;
  const std::string solver = found.steps > 0 ? concat(found.steps, " Heun steps")
                                             : concat("tolerance ", options.tolerance, ", ",
                                                      std::llround(found.calls), " network calls");
  char text[160];
  std::snprintf(text, sizeof text, "\nbits/dim by the ODE (%s)   %9.6g %11.3g\n", solver.c_str(),
                found.bits.mean, found.bits.standard_error);
  report.text += text;
}

// About ten rows, evenly spaced, from high noise to low.
void add_rd(const Bound& bound, bool levels, EvalReport& report) {
  nlohmann::ordered_json& list = report.json["rd"] = nlohmann::ordered_json::array();
  for (const BoundRow& row : bound.rows)
    list.push_back({{"t", row.t},
                    {"items", row.items},
                    {"rate", json_of(row.rate)},
                    {"distortion", json_of(row.distortion)},
                    {"rmse", rmse(row, levels)}});
  report.text += "\n      t  rate, bits/dim        RMSE\n";
  const auto last = static_cast<int64_t>(bound.rows.size()) - 1;
  const int64_t shown = std::min<int64_t>(last, 10);
  for (int64_t i = shown; i >= 0; --i) {
    const BoundRow& row = bound.rows[shown == 0 ? 0 : i * last / shown];
    char text[96];
    std::snprintf(text, sizeof text, "%7lld %15.6g %11.6g\n", static_cast<long long>(row.t),
                  row.rate.mean, rmse(row, levels));
    report.text += text;
  }
}

}  // namespace diffuse
