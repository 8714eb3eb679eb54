// eval --metrics neighbours: the training items nearest to samples.
#include <ATen/ATen.h>

#include <filesystem>
#include <memory>

#include "diffuse/core/error.h"
#include "diffuse/core/random_tensor.h"
#include "eval_metrics.h"
#include "src/data/normalization.h"
#include "src/eval/neighbours_report.h"
#include "src/eval/sample_source.h"
#include "src/files/file.h"
#include "src/pictures/picture.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct NeighbourFlags {
  int64_t samples = 8, count = 5;
  fs::path picture;
};

void check(const NeighbourFlags& flags) {
  if (flags.samples < 1)
    throw Error("--neighbour-samples: expected at least 1, got ", flags.samples);
  if (flags.count < 1) throw Error("--neighbour-count: expected at least 1, got ", flags.count);
  if (!flags.picture.empty() && ending_of(flags.picture) != ".png")
    throw Error("--neighbour-picture ", flags.picture.string(), ": expected a name ending in .png");
}

// Without a condition, the samples that `diffuse sample` draws with the same model, seed and flags.
at::Tensor draw_samples(const EvalInput& input, const Dataset& held_out, int64_t count,
                        nlohmann::ordered_json& provenance) {
  Sampling sampling = input.sampler.over(input.model);
  const uint64_t seed = input.evaluation.seed;
  sampling.options =
      with_conditioning(sampling.options, input.model, held_out, {0, count, count}, seed);
  sampling.options.precision = input.evaluation.precision;
  provenance = input.sampler.describe(sampling);
  const at::Tensor x = input.model.sample(consecutive_keys(seed, 0, count), sampling.options,
                                          [](const SampleStep&) { end_if_stopped(); });
  const DataConfig& data = input.model.config().data;
  if (!input.model.is_image() || data.normalize) return x;
  return from_picture_range(to_picture_range(x, data).clamp(-1, 1), data);
}

void measure(const NeighbourFlags& flags, const EvalInput& input,
             const std::shared_ptr<const Dataset>& training,
             const std::shared_ptr<const Dataset>& held_out, EvalReport& report) {
  const int64_t count = std::min(flags.count, training->size());
  nlohmann::ordered_json sampling;
  const at::Tensor samples = draw_samples(input, *held_out, flags.samples, sampling);
  const Neighbours of_samples =
      nearest_items(samples, *training, count, show_progress(input, "item"));
  std::vector<int64_t> others(std::min(flags.samples, held_out->size()));
  for (size_t i = 0; i < others.size(); ++i) others[i] = static_cast<int64_t>(i);
  const Neighbours of_others = nearest_items(gather_data_units(*held_out, others), *training, 1,
                                             show_progress(input, "item"));

  add_report(report, of_samples, of_others, training->size(), sampling);
  if (input.writes() && !flags.picture.empty())
    write_png(flags.picture,
              neighbour_table(samples, of_samples, *training, input.model.config().data));
}

Measurement prepare(const std::shared_ptr<NeighbourFlags>& flags, const EvalInput& input) {
  if (!flags->picture.empty() && !input.model.is_image())
    throw Error("--neighbour-picture: expected a model of images, which ", input.model.name(),
                " is not");
  return [=, &input, training = input.open(Split::kTrain), held_out = input.open(Split::kHeldOut)](
             EvalReport& report) { measure(*flags, input, training, held_out, report); };
}

}  // namespace

MetricFamily add_neighbour_metrics(CLI::App& command) {
  auto flags = std::make_shared<NeighbourFlags>();
  command.add_option("--neighbour-samples", flags->samples, "Samples drawn")
      ->group("neighbours")
      ->capture_default_str();
  command.add_option("--neighbour-count", flags->count, "Training items shown for each")
      ->group("neighbours")
      ->capture_default_str();
  command
      .add_option("--neighbour-picture", flags->picture,
                  "A .png with a row for each sample: itself, then its nearest training items")
      ->group("neighbours");
  return {.names = {"neighbours"},
          .check = [flags] { check(*flags); },
          .outputs =
              [flags] {
                return std::vector<NamedPath>{{"--neighbour-picture", flags->picture}};
              },
          .draws = [] { return true; },
          .prepare = [flags](const EvalInput& input,
                             const std::vector<std::string>&) { return prepare(flags, input); }};
}

}  // namespace diffuse::cli
