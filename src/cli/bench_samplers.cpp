// diffuse bench samplers: the error of each sampler over its number of steps.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "feature_flags.h"
#include "src/core/log.h"
#include "src/eval/sample_metrics.h"
#include "src/measure/sampler_report.h"
#include "src/pictures/chart.h"
#include "src/pictures/picture.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct SamplersFlags {
  ModelFlags model;
  fs::path json, plot;
  FeatureFlags of_features;
  std::vector<std::string> samplers{"ddim", "dpmpp2m", "heun"};
  std::vector<int64_t> steps;
  std::string spacing = "auto";
  int64_t count = 16, batch = 64;
  uint64_t seed = 0;
  std::optional<double> tolerance;
  MachineFlags machine;
};

// --steps, or those of the default numbers up to the model's timesteps.
std::vector<int64_t> steps_of(const SamplersFlags& flags, int64_t timesteps) {
  if (!flags.steps.empty()) return flags.steps;
  std::vector<int64_t> usual{5, 10, 20, 50, 100};
  std::erase_if(usual, [&](int64_t steps) { return steps > timesteps; });
  return usual.empty() ? std::vector<int64_t>{timesteps} : usual;
}

std::vector<SamplerKind> samplers_of(const SamplersFlags& flags) {
  std::vector<SamplerKind> samplers;
  const auto known = flow_samplers();
  for (const std::string& name : flags.samplers) {
    if (!contains(known, name))
      throw Error("--samplers: expected samplers without noise (", join(known), "), got \"", name,
                  "\"", did_you_mean(name, known));
    samplers.push_back(parse_word<SamplerKind>(name, "--samplers"));
  }
  return samplers;
}

void check_flags(const SamplersFlags& flags, int64_t timesteps) {
  for (const int64_t steps : flags.steps)
    if (steps < 1 || steps > timesteps)
      throw Error("--steps: expected 1 to ", timesteps, " (the model's timesteps), got ", steps);
  if (flags.count < 1) throw Error("-n: expected at least 1, got ", flags.count);
  if (flags.batch < 1) throw Error("--batch: expected at least 1, got ", flags.batch);
  if (!flags.plot.empty()) check_chart_name("--plot", flags.plot);
  if (flags.of_features.features.empty() != flags.of_features.reference.empty())
    throw Error("--features, --reference: the FID needs both; eval --metrics fid --save-reference ",
                "writes the second");
}

// The FID of samples, with --features and --reference.
std::function<double(const at::Tensor&)> fid_of(const SamplersFlags& flags, const Model& model,
                                                c10::Device device) {
  if (flags.of_features.features.empty()) return {};
  if (!model.is_image())
    throw Error("--features: expected a model of images, which ", model.name(), " is not");
  const auto extractor = flags.of_features.open(device);
  const ReferenceStatistics reference = read_statistics(flags.of_features.reference);
  check_extractor(reference, *extractor);
  const SampleSource samples{.count = flags.count, .read = {}};
  const SampleSource blank{.count = 1, .read = [shape = model.sample_shape()](int64_t, int64_t) {
                             return at::zeros(shape).unsqueeze(0);
                           }};
  check_measurable(samples, blank, extractor.get(), {.fid = true, .reference = reference});
  return [=, batch = flags.batch](const at::Tensor& x) {
    FeatureSums sums;
    for (const at::Tensor& some : x.split(batch))
      sums.add((*extractor)(to_uint8(some), {}).features);
    return frechet_distance(sums.statistics(), reference.gaussian);
  };
}

int bench_samplers(const SamplersFlags& flags) {
  const c10::Device device = flags.machine.apply();
  check_outputs({{"--json", flags.json}, {"--plot", flags.plot}},
                {{"--ckpt", flags.model.checkpoint},
                 {"--features", flags.of_features.features},
                 {"--reference", flags.of_features.reference}});
  const Model model = flags.model.load(device);
  in_config(model.name(),
            [&] { check_last_step(model.config().diffusion, model.diffusion().process()); });
  const int64_t T = most_steps(model.config().diffusion);
  const auto samplers = samplers_of(flags);
  check_flags(flags, T);
  const SamplerErrorOptions options{
      .samplers = samplers,
      .steps = steps_of(flags, T),
      .spacing = parse_word<Spacing>(flags.spacing, "--spacing"),
      .labels = round_robin_labels(flags.count, model.config().model.classes),
      .batch = flags.batch,
      .distance = fid_of(flags, model, device)};
  const int64_t reference = reference_steps(options, T);
  log_info(
      concat(flags.count, " samples of ", model.name(), " against heun in ", reference, " steps"));
  const auto keys = consecutive_keys(flags.seed, 0, flags.count);
  const auto results = sampler_errors(model, keys, options);
  write_report(flags.json, json_of(results, flags.count, reference), [&] {
    std::cout << text_of(results, flags.count);
    if (flags.tolerance) std::cout << text_of_fewest(results, *flags.tolerance);
  });
  if (!flags.plot.empty()) write_charts(flags.plot, charts_of(results));
  return kGood;
}

}  // namespace

Command add_bench_samplers(CLI::App& bench) {
  auto flags = std::make_shared<SamplersFlags>();
  CLI::App* command = bench.add_subcommand(
      "samplers",
      "Error of each sampler by its number of steps, against a reference with 4x as many");
  command->footer(
      "Every sampler starts from the same x_T and converges to the same samples with more "
      "steps.\nrmse is in the units of the data, [-1, 1] for images.\n"
      "Examples:\n"
      "  diffuse bench samplers --ckpt model.pt\n"
      "  diffuse bench samplers --ckpt model.pt --steps 8,16,32 --plot error.png --tolerance 0.05\n"
      "  diffuse bench samplers --ckpt model.pt -n 10000 --features inception.pt --reference "
      "cifar10.npz");
  flags->model.add_to(*command);
  command->add_option("--samplers", flags->samplers, "Some of " + join(flow_samplers()))
      ->delimiter(',');
  command->add_option("--steps", flags->steps, "Numbers of steps; default 5,10,20,50,100")
      ->delimiter(',');
  command->add_option("--spacing", flags->spacing, "auto: karras for heun, else trailing")
      ->check(CLI::IsMember(words_of<Spacing>()));
  command->add_option("-n", flags->count, "Samples; default 16");
  command->add_option("--batch", flags->batch, "Samples computed at once; default 64");
  command->add_option("--seed", flags->seed, "Seed of x_T");
  command->add_option("--tolerance", flags->tolerance,
                      "Name the cheapest sampler with at most this rmse");
  command->add_option("--json", flags->json, "Write the table; - = print only this");
  command->add_option("--plot", flags->plot, "Draw the table as a chart: .svg or .png");
  flags->of_features.add_to(*command, "fid");
  flags->machine.add_to(*command);
  return [flags] { return bench_samplers(*flags); };
}

}  // namespace diffuse::cli
