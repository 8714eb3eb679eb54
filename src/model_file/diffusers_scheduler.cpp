#include <algorithm>
#include <cmath>
#include <optional>

#include "diffuse/core/error.h"
#include "diffusers_config.h"

namespace diffuse {

namespace {

// A scheduler of the discrete chain from x_0 to noise.
struct SchedulerClass {
  const char* name;
  std::optional<SamplerKind> sampler;  // our equivalent; none if there is none
  const char* spacing;                 // the default
};

}  // namespace

static const std::vector<SchedulerClass>& scheduler_classes() {
  static const std::vector<SchedulerClass> list{
      {"DDPMScheduler", SamplerKind::kDdpm, "leading"},
      {"DDPMParallelScheduler", SamplerKind::kDdpm, "leading"},
      {"DDIMScheduler", SamplerKind::kDdim, "leading"},
      {"DDIMParallelScheduler", SamplerKind::kDdim, "leading"},
      {"DPMSolverMultistepScheduler", SamplerKind::kDpmpp2m, "linspace"},
      {"HeunDiscreteScheduler", SamplerKind::kHeun, "linspace"},
      {"UniPCMultistepScheduler", SamplerKind::kUnipc, "linspace"},
      {"DDIMInverseScheduler", {}, "leading"},
      {"RePaintScheduler", {}, "leading"},
      {"PNDMScheduler", {}, "leading"},
      {"DEISMultistepScheduler", {}, "linspace"},
      {"DPMSolverMultistepInverseScheduler", {}, "linspace"},
      {"DPMSolverSDEScheduler", {}, "linspace"},
      {"DPMSolverSinglestepScheduler", {}, "linspace"},
      {"EulerAncestralDiscreteScheduler", {}, "linspace"},
      {"EulerDiscreteScheduler", {}, "linspace"},
      {"KDPM2AncestralDiscreteScheduler", {}, "linspace"},
      {"KDPM2DiscreteScheduler", {}, "linspace"},
      {"LMSDiscreteScheduler", {}, "linspace"},
      {"SASolverScheduler", {}, "linspace"}};
  return list;
}

// β from ᾱ(time): diffusers' betas_for_alpha_bar.
static std::vector<double> betas_from(int64_t steps, double (*alpha_bar)(double)) {
  std::vector<double> betas;
  for (int64_t i = 0; i < steps; ++i) {
    const double from = alpha_bar(static_cast<double>(i) / static_cast<double>(steps));
    const double to = alpha_bar(static_cast<double>(i + 1) / static_cast<double>(steps));
    betas.push_back(std::min(1 - to / from, 0.999));
  }
  return betas;
}

static double laplace(double time) {
  const double half = 0.5 * std::copysign(1.0, 0.5 - time);
  const double snr = std::exp(-half * std::log(1 - 2 * std::abs(0.5 - time) + 1e-6));
  return std::sqrt(snr / (1 + snr));
}

static double exponential(double time) { return std::exp(-12 * time); }

// What one of their words is here.
template <class Enum>
static Enum ours(ForeignJson& json, const char* key, const char* fallback,
                 const Dictionary<Enum>& words) {
  const std::string theirs = json.text(key, fallback);
  std::vector<std::string> known;
  for (const auto& [our, their] : words) {
    if (theirs == their) return our;
    known.emplace_back(their);
  }
  json.refuse(key, "one of " + join(known));
}

static void read_schedule(ForeignJson& json, DiffusionConfig& diffusion) {
  constexpr int64_t kMost = 1'000'000;
  diffusion.timesteps = json.integer("num_train_timesteps", 1000);
  if (diffusion.timesteps < 1 || diffusion.timesteps > kMost)
    json.refuse("num_train_timesteps", concat("1 to ", kMost));
  diffusion.beta_start = json.number("beta_start", 1e-4);
  diffusion.beta_end = json.number("beta_end", 0.02);
  diffusion.betas.clear();
  const std::string name = json.text("beta_schedule", "linear");
  const bool given = !json.is_null("trained_betas", true);
  if (given)
    diffusion.betas = json.numbers("trained_betas");
  else if (name == "laplace" || name == "exp")
    diffusion.betas = betas_from(diffusion.timesteps, name == "exp" ? exponential : laplace);
  else
    diffusion.schedule = ours(json, "beta_schedule", "linear", kSchedules);
  if (given || !diffusion.betas.empty()) {
    const auto count = static_cast<int64_t>(diffusion.betas.size());
    if (json.has("num_train_timesteps") && count != diffusion.timesteps)
      json.remark("num_train_timesteps",
                  concat("read as ", count, ", the number of trained_betas"));
    diffusion.schedule = ScheduleKind::kBetas;
    diffusion.timesteps = count;
  }
  diffusion.rescale_zero_terminal_snr = json.flag("rescale_betas_zero_snr", false);
}

static void read_variance(ForeignJson& json, DiffusionConfig& diffusion) {
  const char* const fallback = diffusion.learns_variance() ? "learned_range" : "fixed_small";
  const std::string type =
      json.is_null("variance_type", true) ? fallback : json.text("variance_type", fallback);
  const bool learned = type == "learned_range";
  if (learned != diffusion.learns_variance()) {
    json.refuse("variance_type", diffusion.learns_variance()
                                     ? "learned_range, as the model has twice as many output "
                                       "channels"
                                     : "fixed_small or fixed_large, as the model has no output "
                                       "channels for it");
  }
  if (learned) return;
  // _log: the same variances, stored as logarithms.
  const bool large = type == "fixed_large" || type == "fixed_large_log";
  if (!large && type != "fixed_small" && type != "fixed_small_log")
    json.refuse("variance_type", "fixed_small, fixed_large, either with _log, or learned_range");
  diffusion.variance = large ? VarianceKind::kFixedLarge : VarianceKind::kFixedSmall;
}

static void read_clipping(ForeignJson& json, bool clips, SampleConfig& sample) {
  sample.clip_x0 = json.flag("clip_sample", clips);
  const double range = json.number("clip_sample_range", 1);
  if (sample.clip_x0 && !(range > 0)) json.refuse("clip_sample_range", "a number > 0");
  if (sample.clip_x0) sample.clip_range = range;

  const double share = json.number("dynamic_thresholding_ratio", 0.995);
  const double most = json.number("sample_max_value", 1);
  if (!json.flag("thresholding", false)) return;
  if (!(share > 0 && share < 1)) json.refuse("dynamic_thresholding_ratio", "a number in (0, 1)");
  if (!(most >= 1)) json.refuse("sample_max_value", "a number >= 1");
  sample.dynamic_threshold = share;
  sample.dynamic_threshold_max = most >= kAnyMaximum ? 0 : most;
}

// The scheduler's timesteps. `solves`: it is an ODE solver; for the samplers of others, "auto" is leading,
// and kept.
static void read_spacing(ForeignJson& json, const char* fallback, bool solves,
                         SampleConfig& sample) {
  const Spacing spacing = ours(json, "timestep_spacing", fallback, kTimestepSpacings);
  if (spacing != Spacing::kLeading || sample.spacing != Spacing::kAuto || solves)
    sample.spacing = spacing;
  sample.steps_offset = json.integer("steps_offset", 0);
  if (sample.steps_offset < 0) json.refuse("steps_offset", "an integer >= 0");
}

// Settings of schedulers without a counterpart.
static void ignore_solver(ForeignJson& json) {
  json.ignore({"use_karras_sigmas",  "use_exponential_sigmas",
               "use_beta_sigmas",    "use_lu_lambdas",
               "algorithm_type",     "solver_order",
               "solver_type",        "final_sigmas_type",
               "lambda_min_clipped", "lower_order_final",
               "euler_at_final",     "predict_x0",
               "disable_corrector",  "solver_p",
               "predictor_order",    "corrector_order",
               "tau_func",           "skip_prk_steps",
               "set_alpha_to_one",   "interpolation_type",
               "sigma_min",          "sigma_max",
               "noise_sampler_seed", "eta"});
}

void read_scheduler_json(ForeignJson& json, Config& config) {
  const std::string name = json.text("_class_name", "DDPMScheduler");
  const auto& classes = scheduler_classes();
  const auto found =
      std::ranges::find_if(classes, [&](const SchedulerClass& c) { return name == c.name; });
  if (found == classes.end())
    json.refuse("_class_name",
                "a scheduler of the discrete chain from x_0 to noise, such as DDPMScheduler or "
                "DDIMScheduler (EDM, flow matching, score SDEs and distilled models have no "
                "counterpart here)");
  SampleConfig& sample = config.sample;
  const auto sampler = found->sampler;
  if (sampler && sampler != SamplerKind::kDdpm) sample.sampler = *sampler;
  read_schedule(json, config.diffusion);
  read_variance(json, config.diffusion);
  config.diffusion.prediction = ours(json, "prediction_type", "epsilon", kPredictions);
  json.one_of("use_flow_sigmas", {false});
  json.one_of("timestep_type", {"discrete"});
  json.ignore({"flow_shift", "use_dynamic_shifting", "time_shift_type", "shift_terminal"});

  const bool multistep = sampler == SamplerKind::kDpmpp2m || sampler == SamplerKind::kUnipc;
  const bool solves = multistep || sampler == SamplerKind::kHeun;
  read_clipping(json, !solves, sample);
  if (multistep) read_multistep_solver(json, sample);
  read_spacing(json, found->spacing, solves, sample);
  if (solves) read_sigmas(json, sample);
  if (sampler == SamplerKind::kDdim) sample.end_at_data = json.flag("set_alpha_to_one", true);
  if (sampler == SamplerKind::kDdim && sample.spacing == Spacing::kUniform)
    json.remark("timestep_spacing",
                "a step here goes to the next listed timestep; in DDIMScheduler by T / steps");
  if (!sampler)
    json.remark("_class_name", concat("no sampler here matches it; the default is ", sample.sampler,
                                      ", --sampler selects another"));
  ignore_solver(json);
  json.finish();
}

}  // namespace diffuse
