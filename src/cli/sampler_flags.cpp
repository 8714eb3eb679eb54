#include "sampler_flags.h"

#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/sample/timesteps.h"

namespace diffuse::cli {

void SamplerFlags::add_to(CLI::App& command, const std::string& group) {
  command.option_defaults()->group(group);
  command.add_option("--sampler", sampler,
                     join(kSamplers) + "; default " + sampler.value_or("by the model's config"));
  command.add_option(steps_flag, steps, "Reverse steps, 1 .. T");
  command.add_option("--eta", eta, "ddim: 0 deterministic .. 1 as noisy as ddpm");
  command.add_option("--spacing", spacing, join(kSpacings));
  command.add_option("--timesteps", timesteps, "The timesteps themselves: 999,749,499,249");
  auto* clip_flag = command.add_flag("--clip", clip, "Clamp each predicted x_0 to [-1, 1]");
  command.add_flag("--no-clip", no_clip, "Do not")->excludes(clip_flag);
  command.add_option("--dynamic-threshold", dynamic_threshold,
                     "Clamp it to what holds this share of it instead, 0.995 say, and rescale");
  command.add_option("--guidance", guidance,
                     "Classifier-free guidance weight; 1 = plain conditional");
  command
      .add_option("--ddim-epsilon", ddim_epsilon,
                  "ddim: the noise a step goes along follows from the clamped x_0 (clipped), or is "
                  "the network's own (network), as in diffusers")
      ->check(CLI::IsMember(kDdimEpsilons));
  command.option_defaults()->group("Options");
}

std::string SamplerFlags::given() const {
  if (sampler) return "--sampler";
  if (steps) return steps_flag;
  if (eta) return "--eta";
  if (spacing) return "--spacing";
  if (timesteps) return "--timesteps";
  if (clip || no_clip) return clip ? "--clip" : "--no-clip";
  if (dynamic_threshold) return "--dynamic-threshold";
  if (ddim_epsilon) return "--ddim-epsilon";
  return guidance ? "--guidance" : "";
}

static void check_ranges(const SampleConfig& c) {
  if (!contains(kSamplers, c.sampler))
    throw Error("--sampler: expected one of ", join(kSamplers), ", got \"", c.sampler, "\"",
                did_you_mean(c.sampler, kSamplers));
  if (!(c.eta >= 0 && c.eta <= 1)) throw Error("--eta: expected a number from 0 to 1, got ", c.eta);
  if (!(c.dynamic_threshold >= 0 && c.dynamic_threshold < 1))
    throw Error("--dynamic-threshold: expected a number from 0 to below 1, got ",
                c.dynamic_threshold);
  if (!(c.guidance >= 0)) throw Error("--guidance: expected a number >= 0, got ", c.guidance);
}

SampleConfig SamplerFlags::over(const Model& model) const {
  SampleConfig config = model.config.sample;
  config.sampler = sampler.value_or(config.sampler);
  if (config.sampler != "ddim") config.eta = 0;
  config.steps = steps.value_or(config.steps);
  config.eta = eta.value_or(config.eta);
  config.spacing = spacing.value_or(config.spacing);
  config.clip_x0 = clip || (config.clip_x0 && !no_clip);
  config.dynamic_threshold = dynamic_threshold.value_or(config.dynamic_threshold);
  config.guidance = guidance.value_or(config.guidance);
  config.ddim_epsilon = ddim_epsilon.value_or(config.ddim_epsilon);
  check_ranges(config);
  if (eta && config.sampler != "ddim")
    throw Error("--eta: only ddim has one, the sampler is ", config.sampler);
  if (ddim_epsilon && config.sampler != "ddim")
    throw Error("--ddim-epsilon: of ddim alone, the sampler is ", config.sampler);
  const int64_t T = model.config.diffusion.timesteps;
  if (steps && (*steps < 1 || *steps > T))
    throw Error(steps_flag, ": expected 1 to ", T, " (the model's timesteps), got ", *steps);
  if (model.config.data.normalize && (clip || dynamic_threshold.value_or(0) > 0))
    throw Error(clip ? "--clip" : "--dynamic-threshold",
                ": this model's data are normalised, so its samples are not in [-1, 1]");
  if (guidance && model.config.model.classes == 0)
    throw Error("--guidance: this model was trained without classes");
  if (config.guidance != 1 && model.config.model.classes > 0 &&
      model.config.train.label_dropout == 0)
    log_warning(
        "guidance wants a model trained with /train/label_dropout; this one had none, so "
        "it never learned what \"no class\" means");
  return config;
}

SamplerOptions SamplerFlags::options(const SampleConfig& config, const Model& model) const {
  return in_config(model.name, [&] { return fitting_options(config, model); });
}

SamplerOptions SamplerFlags::fitting_options(const SampleConfig& config, const Model& model) const {
  if (!timesteps) return sampler_options(config, model.config.diffusion);
  if (steps || spacing)
    throw Error("--timesteps: names the timesteps themselves; leave out ",
                steps ? steps_flag : "--spacing");
  const int64_t T = model.config.diffusion.timesteps;
  return sampler_options(config, model.config.diffusion, parse_timesteps(*timesteps, T));
}

nlohmann::ordered_json SamplerFlags::describe(const SampleConfig& config,
                                              const SamplerOptions& options) const {
  nlohmann::ordered_json all{
      {"sampler", config.sampler},  {"steps", options.timesteps.size()},
      {"eta", config.eta},          {"spacing", timesteps ? *timesteps : config.spacing},
      {"clip_x0", config.clip_x0},  {"dynamic_threshold", config.dynamic_threshold},
      {"guidance", config.guidance}};
  // Left out where it is the default: runs that began before there was a choice go on.
  if (options.network_epsilon && config.sampler == "ddim")
    all["ddim_epsilon"] = config.ddim_epsilon;
  if (!config.end_at_data && config.sampler == "ddim") all["end_at_data"] = false;
  if (config.clip_range != 1) all["clip_range"] = config.clip_range;
  if (config.dynamic_threshold_max != 0)
    all["dynamic_threshold_max"] = config.dynamic_threshold_max;
  if (config.steps_offset != 0) all["steps_offset"] = config.steps_offset;
  if (config.skip_zero) all["skip_zero"] = true;
  return all;
}

}  // namespace diffuse::cli
