// diffuse sample: a checkpoint -> pictures or arrays.
#include <ATen/ATen.h>

#include <charconv>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/core/device.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/core/progress.h"
#include "diffuse/core/stop.h"
#include "diffuse/core/version.h"
#include "diffuse/data/normalization.h"
#include "diffuse/io/array_file.h"
#include "diffuse/sample/generate.h"
#include "diffuse/sample/timesteps.h"
#include "sample_output.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct SampleFlags {
  fs::path checkpoint, out = "samples.png", noise;
  std::optional<int64_t> count, batch, steps, frames;
  std::optional<std::string> sampler, spacing, timesteps, class_name, precision;
  std::optional<double> eta, guidance;
  std::string seeds;
  uint64_t seed = 0;
  bool no_ema = false;
  MachineFlags machine;
};

// Everything that decides the samples, worked out from flags and model.
struct Plan {
  SampleConfig config;
  SamplerOptions sampler;
  std::vector<StreamKey> keys;
  at::Tensor labels;  // int64 [n] or undefined
  at::Tensor start;   // x_T [n, ...] or undefined
  int64_t batch = 64;
};

int64_t parse_integer(const std::string& flag, std::string_view text) {
  int64_t value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || stop != text.data() + text.size() || value < 0)
    throw Error(flag, ": expected whole numbers and ranges such as 0-63 or 1,5,9, got \"", text,
                "\"");
  return value;
}

// "0-63", "1,5,9" or both mixed: one image for each seed.
std::vector<StreamKey> parse_seeds(const std::string& text) {
  std::vector<StreamKey> keys;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const size_t dash = part.find('-');
    const int64_t first = parse_integer("--seeds", part.substr(0, dash));
    const int64_t last =
        dash == std::string::npos ? first : parse_integer("--seeds", part.substr(dash + 1));
    if (last < first) throw Error("--seeds: expected a rising range, got \"", part, "\"");
    if (last - first >= 10'000'000)
      throw Error("--seeds: more than 10,000,000 seeds in \"", part, "\"");
    for (int64_t seed = first; seed <= last; ++seed)
      keys.push_back({static_cast<uint64_t>(seed), 0});
    begin = end + 1;
  }
  return keys;
}

// x_T from a file; its first dimension says how many samples.
at::Tensor read_noise(const fs::path& file, const std::vector<int64_t>& shape) {
  const at::Tensor noise = read_npy(file);
  if (noise.scalar_type() != at::kFloat || noise.dim() == 0 || noise.size(0) == 0 ||
      noise.sizes().slice(1) != at::IntArrayRef(shape))
    throw Error("--noise ", file.string(), ": expected float32 N x ", at::IntArrayRef(shape),
                ", got ", noise.scalar_type(), " ", noise.sizes());
  return noise;
}

at::Tensor parse_class(const std::string& text, int64_t n, int64_t classes) {
  if (classes == 0) throw Error("--class ", text, ": this model was trained without classes");
  if (text == "all") return round_robin_labels(n, classes);
  int64_t label = -1;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), label);
  if (failure != std::errc{} || stop != text.data() + text.size() || label < 0 || label >= classes)
    throw Error("--class: expected 0 to ", classes - 1, " or all, got \"", text, "\"");
  return at::full({n}, label, at::kLong);
}

std::vector<StreamKey> make_keys(const SampleFlags& flags, const at::Tensor& start) {
  if (!flags.seeds.empty()) {
    auto keys = parse_seeds(flags.seeds);
    if (flags.count && *flags.count != static_cast<int64_t>(keys.size()))
      throw Error("-n ", *flags.count, ": --seeds names ", keys.size(), " images; leave -n out");
    return keys;
  }
  if (start.defined() && flags.count && *flags.count != start.size(0))
    throw Error("-n ", *flags.count, ": --noise holds ", start.size(0), " samples; leave -n out");
  const int64_t n = start.defined() ? start.size(0) : flags.count.value_or(64);
  if (n < 1 || n > 100'000'000) throw Error("-n: expected 1 to 100,000,000, got ", n);
  return consecutive_keys(flags.seed, 0, n);
}

SampleConfig merged_config(const SampleFlags& flags, const Model& model) {
  SampleConfig config = model.config.sample;
  if (flags.sampler) config.sampler = *flags.sampler;
  if (flags.steps) config.steps = *flags.steps;
  if (flags.eta) config.eta = *flags.eta;
  if (flags.spacing) config.spacing = *flags.spacing;
  if (flags.guidance) config.guidance = *flags.guidance;
  const std::vector<std::string> samplers{"ddpm", "ddim"};
  if (std::find(samplers.begin(), samplers.end(), config.sampler) == samplers.end())
    throw Error("--sampler: expected one of ", join(samplers), ", got \"", config.sampler, "\"",
                did_you_mean(config.sampler, samplers));
  if (flags.steps && *flags.steps < 1)
    throw Error("--steps: expected at least 1, got ", *flags.steps);
  if (config.eta < 0 || config.eta > 1)
    throw Error("--eta: expected a number from 0 to 1, got ", config.eta);
  if (flags.guidance && model.config.model.classes == 0)
    throw Error("--guidance: this model was trained without classes");
  return config;
}

Plan make_plan(const SampleFlags& flags, const Model& model) {
  Plan plan;
  plan.config = merged_config(flags, model);
  const int64_t T = NoiseSchedule::make(model.config.diffusion).timesteps();
  plan.sampler = sampler_options(plan.config, T);
  if (flags.timesteps) plan.sampler.timesteps = parse_timesteps(*flags.timesteps, T);
  if (!flags.noise.empty()) plan.start = read_noise(flags.noise, model.config.model.sample_shape);
  plan.keys = make_keys(flags, plan.start);
  const auto n = static_cast<int64_t>(plan.keys.size());
  const int64_t classes = model.config.model.classes;
  plan.labels = flags.class_name ? parse_class(*flags.class_name, n, classes)
                                 : round_robin_labels(n, classes);
  plan.batch = flags.batch.value_or(std::min<int64_t>(n, 64));
  if (plan.batch < 1) throw Error("--batch: expected at least 1, got ", plan.batch);
  return plan;
}

// What a PNG says about how it was made.
SampleOutput::Text describe(const Plan& plan, const Model& model, const SampleFlags& flags) {
  const nlohmann::ordered_json parameters{
      {"checkpoint", model.name},
      {"step", model.step},
      {"weights", flags.no_ema ? "raw" : "ema"},
      {"seeds", flags.seeds.empty() ? std::to_string(flags.seed) : flags.seeds},
      {"n", plan.keys.size()},
      {"sampler", plan.config.sampler},
      {"steps", plan.sampler.timesteps.size()},
      {"eta", plan.config.eta},
      {"spacing", flags.timesteps ? "list" : plan.config.spacing},
      {"guidance", plan.config.guidance}};
  return {{"Software", concat("diffuse ", kVersion)}, {"parameters", parameters.dump()}};
}

// Which of `steps` steps are frames of an animation: `frames` of them evenly spread, with the last.
bool is_frame(int64_t done, int64_t steps, int64_t frames) {
  return done * frames / steps != (done - 1) * frames / steps;
}

void generate_all(const Plan& plan, Model& model, const GenerateOptions& base, int64_t frames,
                  SampleOutput& output) {
  const GaussianDiffusion diffusion(model.config.diffusion);
  const auto n = static_cast<int64_t>(plan.keys.size());
  Progress progress({.unit = "sample", .total = n});
  const bool animate = output.kind() == OutputKind::kAnimation;
  for (int64_t begin = 0; begin < n; begin += plan.batch) {
    const int64_t count = std::min(plan.batch, n - begin);
    GenerateOptions options = base;
    if (plan.labels.defined()) options.labels = plan.labels.slice(0, begin, begin + count);
    if (plan.start.defined()) options.start = plan.start.slice(0, begin, begin + count);
    int64_t frame = 0;
    const StepCallback on_step = [&](const SampleStep& step) {
      if (animate && is_frame(step.done, step.count, frames))
        output.add_frame(frame++, to_data_units(step.x.to(at::kCPU), model.config.data));
      progress.update(begin, concat("step ", step.done, "/", step.count));
      if (stop_requested()) throw std::runtime_error(concat("stopped by ", stop_reason()));
    };
    const std::span keys(plan.keys.data() + begin, static_cast<size_t>(count));
    const at::Tensor x = generate(*model.network, diffusion, keys, options, on_step);
    output.add(begin, to_data_units(x.to(at::kCPU), model.config.data));
    progress.update(begin + count);
  }
  progress.finish();
}

int run_sample(const SampleFlags& flags) {
  const c10::Device device = flags.machine.apply();
  Model model = load_model(flags.checkpoint, !flags.no_ema, device);
  const Plan plan = make_plan(flags, model);
  const int64_t frames = std::min<int64_t>(flags.frames.value_or(50),
                                           static_cast<int64_t>(plan.sampler.timesteps.size()));
  if (frames < 1) throw Error("--frames: expected at least 1, got ", frames);
  SampleOutput output(flags.out, model.is_image(), describe(plan, model, flags));
  install_stop_handlers();
  log_info(concat("sampling ", plan.keys.size(), " from ", model.name, " (step ", model.step,
                  ") by ", plan.config.sampler, " in ", plan.sampler.timesteps.size(), " steps on ",
                  device));
  const GenerateOptions options{
      .sampler = plan.sampler,
      .shape = model.config.model.sample_shape,
      .classes = model.config.model.classes,
      .guidance = plan.config.guidance,
      .device = device,
      .precision = select_precision(flags.precision.value_or("fp32"), device)};
  generate_all(plan, model, options, frames, output);
  output.finish();
  std::cout << flags.out.string() << "\n";
  return kGood;
}

void add_options(CLI::App& command, SampleFlags& flags) {
  command.add_option("--ckpt", flags.checkpoint, "model.pt, a run folder, or an oracle's config")
      ->required();
  command.add_option("-n", flags.count, "How many samples; default 64");
  command.add_option("-o,--out", flags.out,
                     ".png grid, .gif animation, .npz uint8, .npy float, or a folder of PNGs");
  command.add_option("--sampler", flags.sampler, "ddpm or ddim; default by the model's config");
  command.add_option("--steps", flags.steps, "Reverse steps, 1 .. T");
  command.add_option("--eta", flags.eta, "ddim: 0 deterministic .. 1 as noisy as ddpm");
  command.add_option("--spacing", flags.spacing, "leading, trailing, uniform or quadratic");
  command.add_option("--timesteps", flags.timesteps, "The timesteps themselves: 999,749,499,249");
  command.add_option("--class", flags.class_name, "Class number, or all for one after the other");
  command.add_option("--guidance", flags.guidance, "Classifier-free guidance weight; 1 = none");
  command.add_option("--batch", flags.batch, "Samples computed at once; does not change them");
  command.add_option("--frames", flags.frames, "Frames of a .gif; default 50");
  command.add_flag("--no-ema", flags.no_ema, "Use the raw weights, not their moving average");
  auto* seed = command.add_option("--seed", flags.seed, "Sample i depends on (seed, i) alone");
  command.add_option("--seeds", flags.seeds, "One sample a seed: 0-63 or 1,5,9")->excludes(seed);
  command.add_option("--noise", flags.noise, "x_T from a float32 .npy file instead of the seed");
  command.add_option("--precision", flags.precision, "fp32, bf16, fp16 (GPU) or auto")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16", "auto"}));
  flags.machine.add_to(command);
}

}  // namespace

Command add_sample(CLI::App& app) {
  auto flags = std::make_shared<SampleFlags>();
  CLI::App* command = app.add_subcommand("sample", "Draw samples from a trained model");
  command->footer(
      "Examples:\n"
      "  diffuse sample --ckpt model.pt -n 64\n"
      "  diffuse sample --ckpt runs/shapes -n 16 -o reverse.gif --frames 80\n"
      "  diffuse sample --ckpt model.pt -n 1000 -o digits.npz --sampler ddim --steps 50 --batch "
      "128");
  add_options(*command, *flags);
  return [flags] { return run_sample(*flags); };
}

}  // namespace diffuse::cli
