#include "sampler_flags.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "diffuse/sample/timesteps.h"
#include "src/core/log.h"
#include "src/model_file/guide.h"

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
  add_guidance_to(command);
  add_field(command, "--ddim-epsilon", "ddim_epsilon",
            "ddim: each step's noise is recomputed from the clamped x_0 (clipped), or is the "
            "network's own (network), as in diffusers");
  add_methods_to(command);
  command.option_defaults()->group("Options");
}

// Flags of a single sampler each.
void SamplerFlags::add_methods_to(CLI::App& command) {
  add_field(command, "--tolerance", "tolerance", "dopri5: largest error of a step; default 1e-5")
      ->type_name("FLOAT");
  add_field(command, "--unipc-order", "unipc_order", "unipc: 2 or 3; default 2")->type_name("INT");
  add_field(command, "--corrector-steps", "corrector_steps",
            "pc: Langevin steps at each noise level; default 1")
      ->type_name("INT");
  add_field(command, "--snr", "snr", "pc: signal-to-noise ratio of these steps; default 0.16")
      ->type_name("FLOAT");
  add_field(command, "--churn", "churn", "heun: noise added in each step, S_churn; default 0")
      ->type_name("FLOAT");
}

void SamplerFlags::add_guidance_to(CLI::App& command) {
  add_field(command, "--guidance", "guidance",
            "Classifier-free guidance weight; 1 = plain conditional")
      ->type_name("FLOAT");
  command
      .add_option_function<std::string>(
          "--guidance-interval",
          [this](const std::string& ends) {
            values.push_back({"--guidance-interval", "sample.guidance_interval", "[" + ends + "]"});
          },
          "Guide only where sigma, the ratio of noise to signal, is from LO to HI")
      ->type_name("LO,HI");
  command.add_option(
      "--guide", guide,
      "Autoguidance: a worse model of the same kind, such as a smaller or less trained one, from "
      "which --guidance moves away");
}

bool SamplerFlags::has(const std::string& flag) const {
  return std::ranges::any_of(values, [&](const FlagValue& given) { return given.flag == flag; });
}

std::string SamplerFlags::given() const {
  if (!values.empty()) return values[0].flag;
  if (!guide.empty()) return "--guide";
  return timesteps ? "--timesteps" : "";
}

// The model's settings of its own sampler do not apply to another.
static void leave_to_own_sampler(SampleConfig& config, const std::string& sampler) {
  if (sampler == word_of(config.sampler)) return;
  config.eta = config.churn = 0;
  if (sampler == word_of(SamplerKind::kDopri5)) config.steps = 0;  // it chooses its steps
}

SampleConfig SamplerFlags::config_over(const Model& model) const {
  Config config = model.config();
  if (usual_sampler) {
    leave_to_own_sampler(config.sample, word_of(*usual_sampler));
    config.sample.sampler = *usual_sampler;
  }
  const auto given = std::ranges::find(values, "sample.sampler", &FlagValue::path);
  if (given != values.end()) leave_to_own_sampler(config.sample, given->value);
  config = with_flags(config, values);
  check_fit(model, config.sample);
  return config.sample;
}

void SamplerFlags::check_fit(const Model& model, const SampleConfig& config) const {
  for (const auto& [flag, sampler] : {std::pair("--eta", SamplerKind::kDdim),
                                      {"--ddim-epsilon", SamplerKind::kDdim},
                                      {"--tolerance", SamplerKind::kDopri5},
                                      {"--unipc-order", SamplerKind::kUnipc},
                                      {"--corrector-steps", SamplerKind::kPc},
                                      {"--snr", SamplerKind::kPc},
                                      {"--churn", SamplerKind::kHeun}})
    if (has(flag) && config.sampler != sampler)
      throw Error(flag, ": expected the sampler ", sampler, ", got ", config.sampler);
  const int64_t T = most_steps(model.config().diffusion);
  if (has(steps_flag) && (config.steps < 1 || config.steps > T))
    throw Error(steps_flag, ": expected 1 to ", T, " (the model's timesteps), got ", config.steps);
  check_guidance(model, config);
}

void SamplerFlags::check_guidance(const Model& model, const SampleConfig& config) const {
  if (has("--guidance-interval") && config.guidance == 1)
    throw Error("--guidance-interval: expected --guidance W with it");
  if (!guide.empty()) {
    if (config.guidance == 1) throw Error("--guide: expected --guidance W with it, above 1");
    return;
  }
  const bool by_condition = model.config().condition.is_dropped();
  if (has("--guidance") && model.config().model.classes == 0 && !by_condition)
    throw Error("--guidance: this model was trained without classes",
                model.config().condition.is_on() ? ", and never without its condition" : "");
  if (config.guidance != 1 && model.config().model.classes > 0 &&
      model.config().train.label_dropout == 0 && !by_condition)
    log_warning(
        "guidance needs a model trained with /train/label_dropout; this one was trained without, "
        "so "
        "it never learned \"no class\"");
}

Sampling SamplerFlags::over(const Model& model) const {
  const SampleConfig config = config_over(model);
  const auto guided = [&](GenerateOptions options) {
    if (!guide.empty()) options.guide = load_guide(guide, model);
    return options;
  };
  if (!timesteps) return {config, guided(model.options(config)), {}};
  for (const std::string& flag : {steps_flag, std::string("--spacing")})
    if (has(flag)) throw Error("--timesteps: names the timesteps explicitly; leave out ", flag);
  const Process& process = model.diffusion().process();
  return {config, guided(model.options(config, parse_timesteps(*timesteps, process))), {}};
}

// Settings of a single sampler.
static void describe_method(const SampleConfig& config, nlohmann::ordered_json& all) {
  if (config.sampler == SamplerKind::kDopri5) all["tolerance"] = config.tolerance;
  if (config.sampler == SamplerKind::kUnipc) all["unipc_order"] = config.unipc_order;
  if (config.sampler == SamplerKind::kPc) {
    all["corrector_steps"] = config.corrector_steps;
    all["snr"] = config.snr;
  }
  if (config.churn == 0) return;
  all["churn"] = config.churn;
  all["churn_min"] = config.churn_min;
  all["churn_max"] = config.churn_max;
  all["churn_noise"] = config.churn_noise;
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
  if (!config.guidance_interval.empty()) all["guidance_interval"] = config.guidance_interval;
  if (!guide.empty()) all["guide"] = guide.string();
  describe_method(config, all);
  return all;
}

}  // namespace diffuse::cli
