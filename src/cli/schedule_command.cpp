// diffuse schedule: the tables of a noise schedule, and its L_T.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "src/files/atomic_write.h"
#include "src/report/schedule_tables.h"
#include "src/train/outputs.h"
#include "src/train/run_warnings.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct ScheduleFlags {
  fs::path config, csv, json, plot;
  std::vector<FlagValue> values;  // overrides of the diffusion section
  CpuFlags cpu;
};

DiffusionConfig diffusion_of(const ScheduleFlags& flags) {
  if (!flags.config.empty() && !flags.values.empty())
    throw Error("--config: gives the whole schedule; leave out --kind, --timesteps, --beta-start ",
                "and --beta-end");
  if (!flags.config.empty()) return load_config(flags.config).diffusion;
  const bool has_kind =
      std::ranges::any_of(flags.values, [](const auto& given) { return given.flag == "--kind"; });
  if (!has_kind) throw Error("diffuse schedule: expected --config FILE or --kind NAME");
  return with_flags({}, flags.values).diffusion;
}

int run_schedule(const ScheduleFlags& flags) {
  flags.cpu.apply();
  if (!flags.plot.empty()) check_chart_name("--plot", flags.plot);
  check_outputs({{"--csv", flags.csv}, {"--plot", flags.plot}, {"--json", flags.json}},
                {{"--config", flags.config}});
  const DiffusionConfig diffusion = diffusion_of(flags);
  const NoiseSchedule schedule = NoiseSchedule::make(diffusion);
  std::optional<DataPrior> data;
  if (!flags.config.empty()) data = data_prior(load_config(flags.config), schedule);
  warn_of_prior(schedule);
  if (!flags.csv.empty()) atomic_write(flags.csv, csv_of(schedule_columns(schedule)));
  if (!flags.plot.empty()) write_charts(flags.plot, schedule_charts(schedule));
  nlohmann::ordered_json json;
  if (!flags.json.empty()) json = schedule_json(word_of(diffusion.schedule), schedule, data);
  constexpr int kOneLine = -1;  // else each number would be on its own line
  write_report(
      flags.json, json, [&] { std::cout << schedule_text(schedule, data); }, kOneLine);
  return kGood;
}

}  // namespace

Command add_schedule(CLI::App& app) {
  auto flags = std::make_shared<ScheduleFlags>();
  CLI::App* command = app.add_subcommand("schedule", "Show a noise schedule's tables and its L_T");
  command->footer(
      "t counts from 0; before it alpha_bar is 1. weight_eq9_* is the weight of the error in "
      "epsilon "
      "in\neq. 9, with variance beta (large) or the posterior's (small).\n"
      "Examples:\n"
      "  diffuse schedule --config configs/swiss_roll.json --plot schedule.svg\n"
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
  command->add_option("--json", flags->json, "Write all rows and L_T; - = print only this");
  command->add_option("--plot", flags->plot, "Draw the tables as charts: .svg or .png");
  flags->cpu.add_to(*command);
  return [flags] { return run_schedule(*flags); };
}

}  // namespace diffuse::cli
