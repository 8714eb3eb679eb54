#include "schedule_tables.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "diffuse/data/dataset.h"
#include "src/core/log.h"
#include "src/data/inspection.h"
#include "src/diffusion/loss_weight.h"

namespace diffuse {

static Column column(const std::string& name, const at::Tensor& table) {
  const double* const data = table.const_data_ptr<double>();
  return {name, {data, data + table.numel()}};
}

std::vector<Column> schedule_columns(const NoiseSchedule& s) {
  return {column("t", at::arange(s.timesteps(), at::kDouble)),
          column("beta", s.beta()),
          column("alpha", s.alpha()),
          column("alpha_bar", s.alpha_bar()),
          column("posterior_variance", s.posterior_variance()),
          column("coef_x0", s.coef_x0()),
          column("coef_xt", s.coef_xt()),
          column("snr", s.snr()),
          column("weight_eq9_large", bound_weight(s, s.beta())),
          column("weight_eq9_small", bound_weight(s, s.posterior_variance()))};
}

std::optional<DataPrior> data_prior(Config config, const NoiseSchedule& schedule) {
  constexpr int64_t kItems = 1000;
  if (config.data.count == 0 || config.data.count > kItems) config.data.count = kItems;
  try {
    const auto data = make_dataset(config.data, Split::kTrain, config.seed);
    const double mean_square = first_items(*data, kItems).square().mean().item<double>();
    return DataPrior{mean_square, schedule.prior_bits_per_dim(mean_square)};
  } catch (const Error& error) {
    log_debug(concat("L_T of the data is skipped: ", error.what()));
    return {};
  }
}

// Infinite weights become null: JSON has no infinity.
nlohmann::ordered_json schedule_json(const std::string& name, const NoiseSchedule& schedule,
                                     const std::optional<DataPrior>& data) {
  const std::vector<Column> columns = schedule_columns(schedule);
  nlohmann::ordered_json root{{"schedule", name},
                              {"timesteps", schedule.timesteps()},
                              {"prior_bits_per_dim", schedule.prior_bits_per_dim(1)}};
  if (data) {
    root["data_mean_square"] = data->mean_square;
    root["data_prior_bits_per_dim"] = data->bits_per_dim;
  }
  for (const Column& c : columns) root[c.name] = c.values;
  root["t"] = std::vector<int64_t>(columns[0].values.begin(), columns[0].values.end());
  return root;
}

static std::string prior_text(const NoiseSchedule& schedule, const std::optional<DataPrior>& data) {
  std::string text = concat("L_T ", schedule.prior_bits_per_dim(1), " bits/dim at E[x0^2] = 1");
  if (data)
    text += concat(", ", data->bits_per_dim, " for the data (E[x0^2] = ", data->mean_square, ")");
  return text + "\n";
}

// All rows of a short schedule, else about twenty, evenly spread.
std::string schedule_text(const NoiseSchedule& schedule, const std::optional<DataPrior>& data) {
  const std::vector<Column> columns = schedule_columns(schedule);
  const auto rows = static_cast<int64_t>(columns[0].values.size());
  constexpr int64_t kAll = 40, kSome = 20;
  const int64_t shown = rows <= kAll ? rows : kSome;
  const auto widths = [](const std::string& name) { return std::max<int>(13, name.size()); };
  std::string text;
  char cell[64];
  for (const Column& c : columns) {
    std::snprintf(cell, sizeof cell, "%*s", &c == &columns[0] ? 7 : widths(c.name) + 1,
                  c.name.c_str());
    text += cell;
  }
  for (int64_t i = 0; i < shown; ++i) {
    const int64_t row = shown == 1 ? 0 : i * (rows - 1) / (shown - 1);
    text += '\n';
    for (const Column& c : columns) {
      std::snprintf(cell, sizeof cell, "%*.7g", &c == &columns[0] ? 7 : widths(c.name) + 1,
                    c.values[row]);
      text += cell;
    }
  }
  text += '\n';
  if (shown < rows)
    text += concat(shown, " of ", rows, " rows; --csv FILE and --json FILE have all\n");
  return text + prior_text(schedule, data);
}

std::vector<Chart> schedule_charts(const NoiseSchedule& schedule) {
  const std::vector<double> t = column("", at::arange(schedule.timesteps(), at::kDouble)).values;
  const auto values = [](const at::Tensor& table) { return column("", table).values; };
  const std::string steps = concat("T = ", schedule.timesteps());
  return {{.title = "variance of a step",
           .unit = steps,
           .x_label = "t",
           .series = {{"β, forward", t, values(schedule.beta())},
                      {"β̃, posterior, given x₀", t, values(schedule.posterior_variance())}}},
          {.title = "variance of signal and noise",
           .unit = "",
           .x_label = "t",
           .series = {{"ᾱ", t, values(schedule.alpha_bar())},
                      {"1 − ᾱ", t, values(schedule.one_minus_alpha_bar())}}},
          {.title = "signal-to-noise ratio",
           .unit = "ᾱ / (1 − ᾱ)",
           .x_label = "t",
           .series = {{"", t, values(schedule.snr())}},
           .log_y = true},
          {.title = "posterior variance / forward variance",
           .unit = "β̃ / β",
           .x_label = "t",
           .series = {{"", t, values(schedule.posterior_variance() / schedule.beta())}}}};
}

}  // namespace diffuse
