// eval --metrics fid,kid,is,pr,swd,mmd: samples of the model, or stored ones, against data.
#include <algorithm>
#include <memory>
#include <optional>

#include "eval_metrics.h"
#include "feature_flags.h"
#include "src/core/log.h"
#include "src/data/normalization.h"
#include "src/eval/sample_report.h"
#include "src/eval/sample_source.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct ComparisonFlags {
  std::optional<int64_t> count;
  FeatureFlags of_features;
  fs::path samples, save_reference;
  std::string against = "train";
  KernelDistanceOptions kernel;
  double bandwidth = 0;
};

void check(const ComparisonFlags& flags) {
  if (flags.count && *flags.count < 2) throw Error("-n: expected at least 2, got ", *flags.count);
  if (!flags.of_features.reference.empty() && !flags.save_reference.empty())
    throw Error("--save-reference: saves statistics of the data; leave out --reference");
  if (flags.bandwidth < 0)
    throw Error("--bandwidth: expected above 0, or 0 for the median, got ", flags.bandwidth);
}

// Feature networks need 8-bit images from -1 to 1.
void want_pixels(const Model& model) {
  const auto [low, high] = picture_range(model.config().data);
  if (low != -1 || high != 1)
    throw Error("--metrics fid, kid, is, pr: expected images from -1 to 1; those of ", model.name(),
                " are shown from ", low, " to ", high);
}

SampleMetricsOptions options_of(const ComparisonFlags& flags, const EvalInput& input,
                                const std::vector<std::string>& asked) {
  SampleMetricsOptions options{.fid = contains(asked, "fid"),
                               .kid = contains(asked, "kid"),
                               .inception = contains(asked, "is"),
                               .precision_recall = contains(asked, "pr"),
                               .sliced_wasserstein = contains(asked, "swd"),
                               .mmd = contains(asked, "mmd"),
                               .kernel = flags.kernel,
                               .bandwidth = flags.bandwidth,
                               .seed = input.evaluation.seed,
                               .device = input.evaluation.device,
                               .kind = sample_kind(input.model.config().model),
                               .world = input.evaluation.world};
  options.kernel.seed = input.evaluation.seed;
  const bool image = input.model.is_image();
  if (options.wants_points() && image)
    throw Error("--metrics swd, mmd: expected points or signals; ", input.model.name(),
                " makes images");
  const bool features = options.fid || options.inception || options.compares_features();
  if (features && !image)
    throw Error("--metrics fid, kid, is, pr: expected a model of images, which ",
                input.model.name(), " is not; use swd or mmd");
  if (features) want_pixels(input.model);
  if (features && flags.of_features.features.empty())
    throw Error("--features: expected a feature network (TorchScript) for fid, kid, is and pr; ",
                "see docs/evaluation.md");
  if (!flags.of_features.reference.empty())
    options.reference = read_statistics(flags.of_features.reference);
  return options;
}

// A progress bar for each stage, with the time left.
std::function<void(const std::string&, int64_t, int64_t)> show_stages(const EvalInput& input) {
  return [&input, progress = std::function<void(int64_t, int64_t)>(), now = std::string()](
             const std::string& stage, int64_t done, int64_t total) mutable {
    if (stage != now)
      progress = show_progress(input, stage == "samples" ? "sample" : "item", stage);
    now = stage;
    progress(done, total);
  };
}

// Also records what the figures depend on besides the model and the data.
SampleSource open_samples(const ComparisonFlags& flags, const EvalInput& input,
                          const std::shared_ptr<const Dataset>& data,
                          nlohmann::ordered_json& provenance) {
  const EvaluationOptions& evaluation = input.evaluation;
  if (!flags.samples.empty()) {
    auto source = stored_samples(flags.samples, input.model.sample_shape(), flags.count.value_or(0),
                                 evaluation.batch);
    provenance = {{"samples", flags.samples.string()}, {"n", source.count}};
    return source;
  }
  Sampling sampling = input.sampler.over(input.model);
  sampling.options.precision = evaluation.precision;
  const int64_t n = flags.count.value_or(input.model.is_image() ? 50'000 : 5'000);
  provenance = {{"n", n}};
  provenance.update(input.sampler.describe(sampling));
  return generated_samples(input.model, sampling.options, evaluation, data, n);
}

// The inputs of a comparison, checked to fit together.
struct Comparison {
  SampleMetricsOptions options;
  std::shared_ptr<const FeatureExtractor> features;
  nlohmann::ordered_json sampling{};
  SampleSource samples{}, data{};
};

Comparison open_comparison(const ComparisonFlags& flags, const EvalInput& input,
                           const std::vector<std::string>& asked) {
  Comparison c{.options = options_of(flags, input, asked),
               .features = flags.of_features.open(input.evaluation.device)};
  if (c.options.reference) check_extractor(*c.options.reference, *c.features);
  const auto data = input.open(flags.against == "train" ? Split::kTrain : Split::kHeldOut);
  c.samples = open_samples(flags, input, data, c.sampling);
  const bool all = c.options.wants_data_features() || c.options.wants_points();
  const int64_t items = all ? data->size() : std::min(data->size(), kUsualCount);
  c.data = items_of(data, items, input.evaluation.batch);
  check_measurable(c.samples, c.data, c.features.get(), c.options);
  if (c.features) warn_of_count(c.samples.count);
  return c;
}

void measure(const ComparisonFlags& flags, const EvalInput& input, Comparison c,
             EvalReport& report) {
  report.json["provenance"]["sampling"] = c.sampling;
  report.json["provenance"]["against"] = {{"split", flags.against}, {"items", c.data.count}};
  c.options.progress = show_stages(input);
  const SampleMetrics m = measure_samples(c.samples, c.data, c.features.get(), c.options);
  write_json(m, c.options, report.json);
  write_text(m, report.text);
  write_provenance({c.features.get(), flags.of_features.reference, m.reference},
                   report.json["provenance"], report.text);
  if (input.writes() && !flags.save_reference.empty())
    write_statistics(flags.save_reference, *m.reference);
}

void add_options(CLI::App& command, ComparisonFlags& flags) {
  const std::string group = "fid, kid, is, pr, swd, mmd";
  command.add_option("-n", flags.count, "Samples; default: 50000 images, 5000 points")
      ->group(group);
  command
      .add_option("--samples", flags.samples,
                  "Use these instead of sampling: .npz, .npy or a folder of images")
      ->check(CLI::ExistingPath)
      ->group(group);
  command.add_option("--against", flags.against, "The data to compare with: train or held_out")
      ->check(CLI::IsMember({"train", "held_out"}))
      ->capture_default_str()
      ->group(group);
  flags.of_features.add_to(command, group);
  command.add_option("--save-reference", flags.save_reference, "fid: write such a file")
      ->group(group);
  command.add_option("--kid-subsets", flags.kernel.subsets, "kid: number of subsets")
      ->capture_default_str()
      ->group(group);
  command.add_option("--kid-subset-size", flags.kernel.subset_size, "kid: samples per subset")
      ->capture_default_str()
      ->group(group);
  command.add_option("--bandwidth", flags.bandwidth, "mmd: kernel width; 0 = the median distance")
      ->capture_default_str()
      ->group(group);
}

}  // namespace

MetricFamily add_sample_metrics(CLI::App& command) {
  auto flags = std::make_shared<ComparisonFlags>();
  add_options(command, *flags);
  return {.names = {"fid", "kid", "is", "pr", "swd", "mmd"},
          .check = [flags] { check(*flags); },
          .outputs =
              [flags] {
                return std::vector<NamedPath>{{"--save-reference", flags->save_reference}};
              },
          .inputs =
              [flags] {
                return std::vector<NamedPath>{{"--features", flags->of_features.features},
                                              {"--reference", flags->of_features.reference},
                                              {"--samples", flags->samples}};
              },
          .draws = [flags] { return flags->samples.empty(); },
          .prepare =
              [flags](const EvalInput& input, const std::vector<std::string>& asked) {
                return [flags, &input, comparison = open_comparison(*flags, input, asked)](
                           EvalReport& report) { measure(*flags, input, comparison, report); };
              }};
}

}  // namespace diffuse::cli
