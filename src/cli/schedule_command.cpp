// diffuse schedule: every table of a noise schedule, and how much of the data its last step leaves.
#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "src/core/log.h"
#include "src/diffusion/loss_weight.h"
#include "src/files/atomic_write.h"
#include "src/files/csv.h"
#include "src/files/file.h"
#include "src/pictures/plot.h"
#include "src/train/outputs.h"
#include "src/train/run_warnings.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct ScheduleFlags {
  fs::path config, csv, json, plot;
  std::vector<FlagValue> values;  // of the diffusion section
};

// E[x_0^2] over the dimensions of a config's data, and L_T there.
struct DataPrior {
  double mean_square, bits_per_dim;
};

DiffusionConfig diffusion_of(const ScheduleFlags& flags) {
  if (!flags.config.empty() && !flags.values.empty())
    throw Error("--config: names the whole schedule; leave out --kind, --timesteps, --beta-start ",
                "and --beta-end");
  if (!flags.config.empty()) return load_config(flags.config).diffusion;
  const bool has_kind =
      std::ranges::any_of(flags.values, [](const auto& given) { return given.flag == "--kind"; });
  if (!has_kind) throw Error("diffuse schedule: expected --config FILE or --kind NAME");
  return with_flags({}, flags.values).diffusion;
}

Column column(const std::string& name, const at::Tensor& table) {
  const double* const data = table.const_data_ptr<double>();
  return {name, {data, data + table.numel()}};
}

std::vector<Column> columns_of(const NoiseSchedule& s) {
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

// Measured on the first thousand items; nothing where the data are not on this machine.
std::optional<DataPrior> data_prior(const ScheduleFlags& flags, const NoiseSchedule& schedule) {
  if (flags.config.empty()) return {};
  try {
    Config config = load_config(flags.config);
    config.data.count = config.data.count == 0 ? 1000 : std::min<int64_t>(config.data.count, 1000);
    const auto data = make_dataset(config.data, Split::kTrain, config.seed);
    std::vector<int64_t> items(std::min<int64_t>(data->size(), 1000));
    std::iota(items.begin(), items.end(), int64_t{0});
    const double mean_square = data->gather(items).square().mean().item<double>();
    return DataPrior{mean_square, schedule.prior_bits_per_dim(mean_square)};
  } catch (const Error& error) {
    log_debug(concat("L_T of the data is left out: ", error.what()));
    return {};
  }
}

// Infinite weights become null: JSON has no infinity.
nlohmann::ordered_json json_of(const DiffusionConfig& diffusion, const NoiseSchedule& schedule,
                               const std::vector<Column>& columns,
                               const std::optional<DataPrior>& data) {
  nlohmann::ordered_json root{{"schedule", diffusion.schedule},
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

// All rows of a short schedule, else about twenty spread evenly.
void print_table(const std::vector<Column>& columns) {
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
  std::cout << text << '\n';
  if (shown < rows)
    std::cout << shown << " of " << rows << " rows; --csv FILE and --json FILE have all\n";
}

void print_prior(const NoiseSchedule& schedule, const std::optional<DataPrior>& data) {
  std::cout << "L_T " << schedule.prior_bits_per_dim(1) << " bits/dim at E[x0^2] = 1";
  if (data)
    std::cout << ", " << data->bits_per_dim << " for the data (E[x0^2] = " << data->mean_square
              << ")";
  std::cout << "\n";
}

void write_plot(const fs::path& file, const NoiseSchedule& schedule,
                const std::vector<Column>& columns) {
  const auto& t = columns[0].values;
  const auto values = [](const at::Tensor& table) { return column("", table).values; };
  const auto title = concat("variance of a step, T = ", schedule.timesteps());
  write_png(
      file,
      draw_plot(
          {{.title = title,
            .x_label = "t",
            .series = {{"beta: forward", t, values(schedule.beta())},
                       {"posterior: given x0 as well", t, values(schedule.posterior_variance())}}},
           {.title = "what is left of x0 and what is noise",
            .x_label = "t",
            .series = {{"alpha_bar", t, values(schedule.alpha_bar())},
                       {"1 - alpha_bar", t, values(schedule.one_minus_alpha_bar())}}},
           {.title = "posterior variance / beta",
            .x_label = "t",
            .series = {{"", t, values(schedule.posterior_variance() / schedule.beta())}}}}));
}

int run_schedule(const ScheduleFlags& flags) {
  if (!flags.plot.empty() && ending_of(flags.plot) != ".png")
    throw Error("--plot ", flags.plot.string(), ": expected a name ending in .png");
  check_outputs({{"--csv", flags.csv}, {"--plot", flags.plot}, {"--json", flags.json}},
                {{"--config", flags.config}});
  const DiffusionConfig diffusion = diffusion_of(flags);
  const NoiseSchedule schedule = NoiseSchedule::make(diffusion);
  const auto columns = columns_of(schedule);
  const auto data = data_prior(flags, schedule);
  warn_of_prior(schedule);
  if (!flags.csv.empty()) atomic_write(flags.csv, csv_of(columns));
  if (!flags.plot.empty()) write_plot(flags.plot, schedule, columns);
  nlohmann::ordered_json json;
  if (!flags.json.empty()) json = json_of(diffusion, schedule, columns, data);
  constexpr int kOneLine = -1;  // else each number of the tables would have its own
  const auto print_text = [&] {
    print_table(columns);
    print_prior(schedule, data);
  };
  write_report(flags.json, json, print_text, kOneLine);
  return kGood;
}

}  // namespace

Command add_schedule(CLI::App& app) {
  auto flags = std::make_shared<ScheduleFlags>();
  CLI::App* command = app.add_subcommand("schedule", "Show a noise schedule's tables and its L_T");
  command->footer(
      "t counts from 0 and alpha_bar before it is 1. weight_eq9_* is what eq. 9 puts on the error "
      "in\nepsilon with variance beta (large) or the posterior's (small).\n"
      "Examples:\n"
      "  diffuse schedule --config configs/swiss_roll.json --plot schedule.png\n"
      "  diffuse schedule --kind linear --timesteps 200 --beta-end 0.05 --csv schedule.csv");
  command->add_option("--config", flags->config, "The schedule of a JSON config");
  const auto add_field = [&](const std::string& flag, const std::string& key, const char* help) {
    return command->add_option_function<std::string>(
        flag,
        [=](const std::string& value) {
          flags->values.push_back({flag, "diffusion." + key, value});
        },
        help);
  };
  add_field("--kind", "schedule", "linear, cosine, ... with the flags below");
  add_field("--timesteps", "timesteps", "T; default 1000")->type_name("INT");
  add_field("--beta-start", "beta_start", "beta of the first step; default 1e-4")
      ->type_name("FLOAT");
  add_field("--beta-end", "beta_end", "beta of the last step; default 0.02")->type_name("FLOAT");
  command->add_option("--csv", flags->csv, "Write all rows, all digits");
  command->add_option("--json", flags->json, "Write all rows and L_T; - for stdout alone");
  command->add_option("--plot", flags->plot, "Draw them as a .png");
  return [flags] { return run_schedule(*flags); };
}

}  // namespace diffuse::cli
