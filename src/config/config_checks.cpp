#include "config_checks.h"

#include <set>

#include "diffuse/core/error.h"

namespace diffuse {

static void check_schedule(const DiffusionConfig& c, const std::string& at) {
  const bool listed = c.schedule == ScheduleKind::kBetas;
  if (listed && c.betas.empty())
    throw Error(at, "/betas: expected a list of T numbers for the schedule \"betas\", got none");
  if (!listed && !c.betas.empty()) {
    throw Error(at, "/betas: expected no list with the schedule \"", c.schedule,
                "\"; use the schedule \"betas\"");
  }
  const auto count = static_cast<int64_t>(c.betas.size());
  if (listed && c.timesteps != count)
    throw Error(at, "/timesteps: expected ", count, ", the number of betas, got ", c.timesteps);

  using enum ScheduleKind;
  static const std::set<ScheduleKind> rising{kLinear, kQuadratic, kWarmup10, kWarmup50, kSigmoid};
  if (rising.contains(c.schedule) && c.beta_start > c.beta_end) {
    throw Error(at, "/beta_start: expected at most beta_end, which is ", c.beta_end, ", got ",
                c.beta_start);
  }
}

// Checks what a process can be combined with; errors name an alternative.
static void check_process(const DiffusionConfig& c, const std::string& at) {
  const auto refuse = [&](const char* key, const auto& word, const std::string& why) {
    throw Error(at, "/", key, ": \"", word, "\" ", why);
  };
  using enum PredictionKind;
  const std::string on = concat("on the process ", c.process);
  if (c.is_chain()) {
    if (c.prediction == kEdm || c.prediction == kFlow || c.prediction == kScore)
      refuse("prediction", c.prediction,
             "needs continuous time, but the process ddpm is a chain of timesteps; use " +
                 std::string(c.prediction == kScore ? "epsilon" : "v") + ", or another process");
    if (c.timestep_sampler == TimestepLaw::kLogNormal ||
        c.timestep_sampler == TimestepLaw::kLogitNormal)
      refuse("timestep_sampler", c.timestep_sampler,
             "needs continuous time, but the process ddpm is a chain of timesteps; use stratified");
    return;
  }
  const bool by_sigma = c.process == ProcessKind::kVe || c.process == ProcessKind::kEdm;
  if (c.prediction == kMu)
    refuse("prediction", c.prediction, "is the mean of the chain's step; use x0 " + on);
  if (by_sigma && c.prediction == kV)
    refuse("prediction", c.prediction, on + " grows with sigma; use edm");
  if (c.process == ProcessKind::kFlow && (c.prediction == kEpsilon || c.prediction == kScore))
    refuse("prediction", c.prediction,
           "cannot give x_0 at t = 1 of flow, where no signal is left; use flow");
  if (c.learns_variance())
    refuse("variance", c.variance, "is for the chain's steps; use fixed_large or fixed_small");
  if (c.loss == LossKind::kVlb || c.loss == LossKind::kHybrid)
    refuse("loss", c.loss, "is the bound of a chain; use vlb_weighted " + on);
  if (c.timestep_sampler == TimestepLaw::kImportance)
    refuse("timestep_sampler", c.timestep_sampler,
           "keeps losses of the chain's timesteps; use stratified");
  if (by_sigma && c.timestep_sampler == TimestepLaw::kLogitNormal)
    refuse("timestep_sampler", c.timestep_sampler, "needs times from 0 to 1; use log_normal " + on);
  if (c.schedule != ScheduleKind::kLinear)
    refuse("schedule", c.schedule,
           concat("is for the chain; the process ", c.process, " has none"));
  if (c.rescale_zero_terminal_snr)
    throw Error(at, "/rescale_zero_terminal_snr: expected false, as ", c.process,
                " has no schedule");
}

static void check_noise_range(const DiffusionConfig& c, const std::string& at) {
  if (c.beta_min > c.beta_max)
    throw Error(at, "/beta_min: expected at most beta_max, which is ", c.beta_max, ", got ",
                c.beta_min);
  const bool by_sigma = c.process == ProcessKind::kVe || c.process == ProcessKind::kEdm;
  if (!by_sigma && (c.sigma_min > 0 || c.sigma_max > 0))
    throw Error(at, c.sigma_min > 0 ? "/sigma_min" : "/sigma_max", ": expected 0, as the process ",
                c.process, " has none; it is for ve and edm");
  if (!by_sigma) return;
  const NoiseRange range = noise_range(c);
  if (range.low >= range.high)
    throw Error(at, "/sigma_min: expected below sigma_max, which is ", range.high, ", got ",
                range.low);
}

static void check_mixture(const DataConfig& c, const std::string& at) {
  const auto numbers = static_cast<int64_t>(c.means.size());
  if (numbers == 0 || numbers % c.dimensions != 0)
    throw Error(at, "/means: expected ", c.dimensions, " numbers per component, got ", numbers);
  const int64_t components = numbers / c.dimensions;
  if (!c.weights.empty() && static_cast<int64_t>(c.weights.size()) != components)
    throw Error(at, "/weights: expected ", components, ", one per component, got ",
                c.weights.size());
}

static void check_unet(const ModelConfig& c, const std::string& at) {
  // Group normalisation and the heads must divide the channels of every level.
  if (c.channels % c.norm_groups != 0) {
    throw Error(at, "/channels: expected a multiple of norm_groups, which is ", c.norm_groups,
                ", got ", c.channels);
  }
  if (c.attention_head_dim == 0 && c.channels % c.attention_heads != 0) {
    throw Error(at, "/channels: expected a multiple of attention_heads, which is ",
                c.attention_heads, ", got ", c.channels);
  }
}

static void check_train(const TrainConfig& c, const std::string& at) {
  if (c.micro_batch > 0 && c.batch_size % c.micro_batch != 0) {
    throw Error(at, "/batch_size: expected a multiple of micro_batch, which is ", c.micro_batch,
                ", got ", c.batch_size);
  }
  if (!c.freeze.empty() && !c.train_only.empty())
    throw Error(at, "/train_only: expected none with freeze; one of the two says what is trained");
  if (c.optimizer == OptimizerKind::kMuon && c.shard_optimizer)
    throw Error(at, "/shard_optimizer: expected false with the optimizer muon, which needs whole ",
                "matrices in every process");
  const bool trapezoid = c.learning_rate_schedule == LearningRateSchedule::kTrapezoid;
  const bool falls = trapezoid || c.learning_rate_schedule == LearningRateSchedule::kInverseSqrt;
  if (c.decay_start > 0 && !falls)
    throw Error(at, "/decay_start: expected 0 with the learning_rate_schedule ",
                c.learning_rate_schedule, "; it is for inverse_sqrt and trapezoid");
  if (trapezoid && c.decay_start > c.steps)
    throw Error(at, "/decay_start: expected at most steps, which is ", c.steps, ", got ",
                c.decay_start);
}

// Sampling in continuous time.
static void check_continuous_sample(const SampleConfig& c, ProcessKind process,
                                    const std::string& at) {
  if (entry_of(c.sampler).of_chain)
    throw Error(at, "/sampler: \"", c.sampler, "\" needs a discrete chain, but the time of ",
                process, " is continuous; use ancestral, its counterpart, or heun");
  if (c.spacing == Spacing::kLeading || c.spacing == Spacing::kQuadratic)
    throw Error(at, "/spacing: \"", c.spacing, "\" needs discrete timesteps, but the time of ",
                process, " is continuous; use trailing, uniform or karras");
  if (c.steps_offset != 0 || c.skip_zero)
    throw Error(at, c.skip_zero ? "/skip_zero" : "/steps_offset",
                ": needs discrete timesteps, but the time of ", process,
                " is continuous; leave it out");
}

static void check_sample(const SampleConfig& c, const DiffusionConfig& d, const std::string& at) {
  if (!d.is_chain()) check_continuous_sample(c, d.process, at);
  if (d.is_chain() && c.steps > d.timesteps) {
    throw Error(at, "/steps: expected at most the ", d.timesteps, " timesteps of /diffusion, got ",
                c.steps);
  }
  if (c.eta != 0 && c.sampler != SamplerKind::kDdim)
    throw Error(at, "/eta: needs the sampler ddim, /sample/sampler is \"", c.sampler, "\"");
  if (c.churn != 0 && c.sampler != SamplerKind::kHeun)
    throw Error(at, "/churn: needs the sampler heun, /sample/sampler is \"", c.sampler, "\"");
  if (c.churn_max > 0 && c.churn_min > c.churn_max)
    throw Error(at, "/churn_min: expected at most churn_max, which is ", c.churn_max, ", got ",
                c.churn_min);
  const std::vector<double>& interval = c.guidance_interval;
  if (!interval.empty() && (interval.size() != 2 || interval[0] >= interval[1]))
    throw Error(
        at, "/guidance_interval: expected two numbers, the lower one first, got ",
        interval.size() == 2 ? concat(interval[0], ", ", interval[1]) : std::string("1 number"));
  const bool fewer = c.steps != 0 && c.steps != d.timesteps;
  if (fewer && c.sampler == SamplerKind::kDdpm && d.variance == VarianceKind::kLearned) {
    throw Error(at, "/steps: ddpm with the variance \"learned\" needs all ", d.timesteps,
                " timesteps, since it is for single steps; use learned_range or another sampler");
  }
}

static void check_normalization(const Config& c, const std::string& name) {
  if (c.data.mean.size() != c.data.std.size())
    throw Error(name, ": /data/mean: expected as many numbers as in std, ", c.data.std.size(),
                ", got ", c.data.mean.size());
  if (!c.data.mean.empty() && !c.data.normalize && c.data.range.empty())
    throw Error(name, ": /data/mean: expected none without normalize or range");
  if (c.data.normalize && c.sample.clip_x0)
    throw Error(name, ": /sample/clip_x0: expected false with /data/normalize: normalised data ",
                "are not in [-1, 1]");
}

static void check_range(const DataConfig& c, const std::string& at) {
  if (c.range.empty()) return;
  if (c.range.size() != 2 || c.range[0] >= c.range[1])
    throw Error(
        at, "/range: expected two numbers, the lower one first, got ",
        c.range.size() == 2 ? concat(c.range[0], ", ", c.range[1]) : std::string("1 number"));
  if (c.normalize) throw Error(at, "/range: expected none with normalize, which sets the scale");
  if (c.type != DataType::kArray)
    throw Error(at, "/range: expected none, as ", c.type, " has its own units; it is for arrays");
}

static void check_class_names(const ModelConfig& c, const std::string& at) {
  const auto count = static_cast<int64_t>(c.class_names.size());
  if (count > 0 && c.classes > 0 && count != c.classes)
    throw Error(at, "/class_names: expected ", c.classes, ", one per class, got ", count);
  std::set<std::string> seen;
  for (const std::string& name : c.class_names)
    if (name.empty() || !seen.insert(name).second)
      throw Error(at, "/class_names: expected distinct names, got \"", printable(name), "\"",
                  name.empty() ? "" : " twice");
}

static void check_sample_kind(const ModelConfig& c, const std::string& at) {
  if (c.sample_kind == SampleKind::kUnset || c.sample_shape.empty()) return;
  const SampleKind kind = sample_kind(c);
  const size_t wanted = is_image(kind) ? 3 : kind == SampleKind::kSignal ? 2 : 1;
  if (c.sample_shape.size() != wanted)
    throw Error(at, "/sample_kind: \"", c.sample_kind, "\" has a sample_shape of ", wanted,
                wanted == 1 ? " number" : " numbers", ", got ", c.sample_shape.size());
}

// What a condition needs besides the data's shape.
static void check_condition(const Config& config, const std::string& name) {
  const ConditionConfig& c = config.condition;
  const std::string at = name + ": /condition";
  if (c.mean.size() != c.std.size())
    throw Error(at, "/mean: expected as many numbers as in std, ", c.std.size(), ", got ",
                c.mean.size());
  if (!c.is_stored() && !c.path.empty())
    throw Error(at, "/path: expected the type image or vector with it, got ", c.type);
  if (!c.is_on()) return;
  const NetworkType network = config.model.type;
  if (network == NetworkType::kGaussianOracle || network == NetworkType::kMixtureOracle)
    throw Error(at, "/type: expected none, as ", network, " knows no condition");
  const DataType data = config.data.type;
  if (c.is_stored() && data != DataType::kArray && data != DataType::kImageFolder)
    throw Error(at, "/type: \"", c.type, "\" is stored beside each item of an array or ",
                "image_folder; /data/type is \"", data, "\"");
  if (c.is_stored() && c.path.empty())
    throw Error(at, "/path: ", c.type, " needs one, for example --set condition.path=FILE");
  if (c.type == ConditionType::kGrey && config.data.normalize)
    throw Error(at, "/type: \"grey\" needs the data's own colours; expected data.normalize false");
  if (c.noise > 0 && (c.is_mask() || c.type == ConditionType::kVector))
    throw Error(at, "/noise: expected 0 with the type ", c.type,
                "; it is for downscale, grey and image");
}

static void check_mask(const Config& config, const std::string& name) {
  const ConditionConfig& c = config.condition;
  const std::string at = name + ": /condition";
  const bool forecast = c.is_mask() && c.mask == MaskKind::kForecast;
  if (forecast && c.horizon == 0)
    throw Error(at, "/horizon: forecast needs the number of unknown steps, for example ",
                "--set condition.horizon=24");
  if (!forecast && c.horizon > 0)
    throw Error(at, "/horizon: expected 0 without the type mask and the mask forecast");
  if (!c.is_mask()) return;
  if (c.share == 0 && c.mask != MaskKind::kRandom && !forecast)
    throw Error(at, "/share: expected above 0 with the mask ", c.mask);
  if (config.diffusion.learns_variance())
    throw Error(name, ": /diffusion/variance: \"", config.diffusion.variance,
                "\" is learned for known values too; use fixed_small with the condition mask");
  if (config.diffusion.loss == LossKind::kVlb)
    throw Error(name, ": /diffusion/loss: \"vlb\" is a bound of known values too; use ",
                "vlb_weighted or another with the condition mask");
}

void check_config(const Config& config, const std::string& name) {
  if (config.data.channels == 2) throw Error(name, ": /data/channels: expected 0, 1 or 3, got 2");
  check_normalization(config, name);
  check_range(config.data, name + ": /data");
  check_class_names(config.model, name + ": /model");
  check_sample_kind(config.model, name + ": /model");
  check_condition(config, name);
  check_mask(config, name);
  check_process(config.diffusion, name + ": /diffusion");
  check_noise_range(config.diffusion, name + ": /diffusion");
  check_schedule(config.diffusion, name + ": /diffusion");
  if (config.model.type == NetworkType::kUnet) check_unet(config.model, name + ": /model");
  if (config.data.type == DataType::kGaussianMixture) check_mixture(config.data, name + ": /data");
  check_train(config.train, name + ": /train");
  check_sample(config.sample, config.diffusion, name + ": /sample");
}

}  // namespace diffuse
