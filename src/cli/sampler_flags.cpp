#include "sampler_flags.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "diffuse/sample/timesteps.h"
#include "src/core/log.h"

namespace diffuse::cli {

CLI::Option* SamplerFlags::add_field(CLI::App& command, const std::string& flag,
                                     const std::string& key, const std::string& help) {
  return command.add_option_function<std::string>(
      flag,
      [this, flag, key](const std::string& value) {
        values.push_back({flag, "sample." + key, value});
      },
      help);
}

void SamplerFlags::add_to(CLI::App& command, const std::string& group) {
  command.option_defaults()->group(group);
  add_field(command, "--sampler", "sampler",
            concat(join(words_of<SamplerKind>()), "; default ",
                   usual_sampler ? word_of(*usual_sampler) : "the model's"));
  add_field(command, steps_flag, "steps", "Reverse steps, 1 .. T")->type_name("INT");
  add_field(command, "--eta", "eta", "ddim: 0 deterministic .. 1 as noisy as ddpm")
      ->type_name("FLOAT");
  add_field(command, "--spacing", "spacing", join(words_of<Spacing>()));
  command.add_option("--timesteps", timesteps, "Explicit timesteps: 999,749,499,249");
  const auto clip = [&](const char* flag, const char* value, const char* help) {
    return command.add_flag_callback(
        flag,
        [=, this] {
          values.push_back({flag, "sample.clip_x0", value});
        },
        help);
  };
  auto* const on = clip("--clip", "true", "Clamp each predicted x_0 to [-1, 1]");
  clip("--no-clip", "false", "Do not clamp it")->excludes(on);
  add_field(command, "--dynamic-threshold", "dynamic_threshold",
            "Clamp it to this quantile of its absolute values, such as 0.995, and rescale")
      ->type_name("FLOAT");
  add_field(command, "--guidance", "guidance",
            "Classifier-free guidance weight; 1 = plain conditional")
      ->type_name("FLOAT");
  add_field(command, "--ddim-epsilon", "ddim_epsilon",
            "ddim: each step's noise is recomputed from the clamped x_0 (clipped), or is the "
            "network's own (network), as in diffusers");
  command.option_defaults()->group("Options");
}

bool SamplerFlags::has(const std::string& flag) const {
  return std::ranges::any_of(values, [&](const FlagValue& given) { return given.flag == flag; });
}

std::string SamplerFlags::given() const {
  if (!values.empty()) return values[0].flag;
  return timesteps ? "--timesteps" : "";
}

SampleConfig SamplerFlags::config_over(const Model& model) const {
  Config config = model.config();
  if (usual_sampler) config.sample.sampler = *usual_sampler;
  config = with_flags(config, values);
  if (config.sample.sampler != SamplerKind::kDdim && !has("--eta")) config.sample.eta = 0;
  check_fit(model, config.sample);
  return config.sample;
}

void SamplerFlags::check_fit(const Model& model, const SampleConfig& config) const {
  for (const char* const flag : {"--eta", "--ddim-epsilon"})
    if (has(flag) && config.sampler != SamplerKind::kDdim)
      throw Error(flag, ": expected the sampler ddim, got ", config.sampler);
  const int64_t T = most_steps(model.config().diffusion);
  if (has(steps_flag) && (config.steps < 1 || config.steps > T))
    throw Error(steps_flag, ": expected 1 to ", T, " (the model's timesteps), got ", config.steps);
  if (has("--guidance") && model.config().model.classes == 0)
    throw Error("--guidance: this model was trained without classes");
  if (config.guidance != 1 && model.config().model.classes > 0 &&
      model.config().train.label_dropout == 0)
    log_warning(
        "guidance needs a model trained with /train/label_dropout; this one was trained without, "
        "so "
        "it never learned \"no class\"");
}

Sampling SamplerFlags::over(const Model& model) const {
  const SampleConfig config = config_over(model);
  if (!timesteps) return {config, model.options(config), {}};
  for (const std::string& flag : {steps_flag, std::string("--spacing")})
    if (has(flag)) throw Error("--timesteps: names the timesteps explicitly; leave out ", flag);
  const Process& process = model.diffusion().process();
  return {config, model.options(config, parse_timesteps(*timesteps, process)), {}};
}

nlohmann::ordered_json SamplerFlags::describe(const Sampling& sampling) const {
  const SampleConfig& config = sampling.config;
  const SamplerOptions& options = sampling.options.sampler;
  nlohmann::ordered_json all{{"sampler", word_of(config.sampler)},
                             {"steps", options.timesteps.size()},
                             {"eta", config.eta},
                             {"spacing", timesteps ? *timesteps : word_of(config.spacing)},
                             {"clip_x0", config.clip_x0},
                             {"dynamic_threshold", config.dynamic_threshold},
                             {"guidance", config.guidance}};
  // Left out if it is the default: runs from before this choice existed can be resumed.
  if (options.network_epsilon && config.sampler == SamplerKind::kDdim)
    all["ddim_epsilon"] = word_of(config.ddim_epsilon);
  if (!config.end_at_data && config.sampler == SamplerKind::kDdim) all["end_at_data"] = false;
  if (config.clip_range != 1) all["clip_range"] = config.clip_range;
  if (config.dynamic_threshold_max != 0)
    all["dynamic_threshold_max"] = config.dynamic_threshold_max;
  if (config.steps_offset != 0) all["steps_offset"] = config.steps_offset;
  if (config.skip_zero) all["skip_zero"] = true;
  return all;
}

}  // namespace diffuse::cli
