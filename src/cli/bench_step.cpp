// diffuse bench --config: the time of training and sampling steps on this machine.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "src/measure/step_benchmark.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct StepFlags {
  fs::path config, json, profile;
  std::vector<std::string> overrides;
  int64_t batch = 0;
  double seconds = 3;
  MachineFlags machine;
};

// Takes the sample shape from the config if given, so that no data are needed.
Config resolved(const StepFlags& flags) {
  Config config = load_config(flags.config, flags.overrides);
  if (flags.batch > 0) config.train.batch_size = flags.batch;
  config.train.micro_batch = std::min(config.train.micro_batch, config.train.batch_size);
  if (config.model.sample_shape.empty()) {
    const auto set = make_dataset(config.data, Split::kHeldOut, config.seed);
    config.model = with_samples_of(config.model, *set);
    config.model.classes = static_cast<int64_t>(set->class_names().size());
  }
  return config;
}

int bench_step(const StepFlags& flags) {
  const c10::Device device = flags.machine.apply();
  if (flags.config.empty()) throw Error("--config is required");
  check_outputs({{"--json", flags.json}, {"--profile", flags.profile}},
                {{"--config", flags.config}});
  const Config config = in_config(flags.config, [&] { return resolved(flags); });
  if (!flags.profile.empty()) {
    in_config(flags.config, [&] { trace_steps(config, device, flags.profile); });
    print_path(flags.profile);
    return kGood;
  }
  const StepBenchmark found =
      in_config(flags.config, [&] { return benchmark_steps(config, device, flags.seconds); });
  write_report(flags.json, json_of(found), [&] { std::cout << text_of(found, config, device); });
  return kGood;
}

}  // namespace

Command add_bench_step(CLI::App& bench) {
  auto flags = std::make_shared<StepFlags>();
  bench.footer(
      "Examples:\n"
      "  diffuse bench --config configs/mnist.json --batch 32\n"
      "  diffuse bench --config configs/cifar.json --set model.sample_shape=[3,32,32] --json -\n"
      "  diffuse bench --config configs/cifar.json --batch 4 --profile trace.json");
  bench.add_option("--config", flags->config, "The model and batch to measure");
  bench.add_option("--set", flags->overrides, "Override a value of the config")
      ->allow_extra_args(false);
  bench.add_option("--batch", flags->batch, "Samples per step; default: the config's")
      ->check(CLI::Range(1, 1 << 20));
  bench.add_option("--seconds", flags->seconds, "How long to repeat each kind of step")
      ->check(CLI::Range(0.0, 3600.0));
  bench.add_option("--json", flags->json, "Write the figures as JSON to this file; - = print");
  bench
      .add_option("--profile", flags->profile,
                  "Write a timeline of a training and two sampling steps to this file instead, for "
                  "ui.perfetto.dev")
      ->excludes("--json");
  flags->machine.add_to(bench);
  return [flags] { return bench_step(*flags); };
}

}  // namespace diffuse::cli
