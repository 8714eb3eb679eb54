#include <ATen/ops/tensor.h>

#include <set>

#include "diffuse/core/error.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "diffusers_config.h"

namespace diffuse {

using nlohmann::ordered_json;

// The release whose fields these are.
static constexpr const char* kVersion = "0.42.1";

int64_t exported_classes(const Config& config) {
  if (config.model.classes == 0) return 0;
  return config.model.classes + (config.train.label_dropout > 0 ? 1 : 0);
}

static void check_exportable(const Config& config) {
  const ModelConfig& model = config.model;
  const std::string lacks = "; diffusers' UNet2DModel has no counterpart";
  if (!config.diffusion.is_chain())
    throw Error("/diffusion/process: \"", config.diffusion.process, "\"", lacks);
  if (model.type != NetworkType::kUnet) throw Error("/model/type: \"", model.type, "\"", lacks);
  if (is_signal(model)) throw Error("/model/sample_shape: a signal's", lacks);
  if (model.patch_size != 1) throw Error("/model/patch_size: ", model.patch_size, lacks);
  if (model.channel_multipliers[0] != 1)
    throw Error("/model/channel_multipliers/0: ", model.channel_multipliers[0], lacks);
  if (model.self_conditioning) throw Error("/model/self_conditioning: true", lacks);
  if (model.condition_channels > 0 || model.condition_size > 0)
    throw Error("/condition/type: \"", config.condition.type, "\"", lacks);
  if (model.time_scale != 1) throw Error("/model/time_scale: ", model.time_scale, lacks);
  if (!model.mid_attention_norm && !model.scale_shift_norm)
    throw Error("/model/mid_attention_norm: false without scale_shift_norm", lacks);
  if (model.time_frequency_shift != 0 && model.time_frequency_shift != 1)
    throw Error("/model/time_frequency_shift: ", model.time_frequency_shift, lacks);
}

static bool attends(const ModelConfig& model, size_t level) {
  const int64_t height = model.sample_shape[1] >> level;
  for (const int64_t resolution : model.attention_resolutions)
    if (resolution == height) return true;
  return false;
}

// Channels of one head, the same at all levels; null for one head.
static ordered_json head_dim(const ModelConfig& model) {
  if (model.attention_head_dim > 0) return model.attention_head_dim;
  if (model.attention_heads == 1) return nullptr;
  std::set<int64_t> widths;
  const size_t levels = model.channel_multipliers.size();
  for (size_t i = 0; i < levels; ++i)
    if (attends(model, i) || (model.mid_attention && i + 1 == levels))
      widths.insert(model.channels * model.channel_multipliers[i]);
  if (widths.size() > 1)
    throw Error("/model/attention_heads: ", model.attention_heads,
                " at levels of different channels; diffusers' UNet2DModel has heads of one size");
  return widths.empty() ? ordered_json() : ordered_json(*widths.begin() / model.attention_heads);
}

// NOLINTNEXTLINE(readability-function-size): a table
ordered_json unet_json(const Config& config) {
  check_exportable(config);
  const ModelConfig& model = config.model;
  ordered_json widths = ordered_json::array(), down = widths, up = widths;
  const size_t levels = model.channel_multipliers.size();
  for (size_t i = 0; i < levels; ++i) {
    widths.push_back(model.channels * model.channel_multipliers[i]);
    down.push_back(attends(model, i) ? "AttnDownBlock2D" : "DownBlock2D");
    up.push_back(attends(model, levels - 1 - i) ? "AttnUpBlock2D" : "UpBlock2D");
  }
  const int64_t channels = model.sample_shape[0], height = model.sample_shape[1],
                width = model.sample_shape[2], classes = exported_classes(config);
  const bool spare_norm = model.scale_shift_norm && model.mid_attention_norm;
  return {{"_class_name", "UNet2DModel"},
          {"_diffusers_version", kVersion},
          {"act_fn", "silu"},
          {"add_attention", model.mid_attention},
          {"attention_head_dim", head_dim(model)},
          {"attn_norm_num_groups", spare_norm ? ordered_json(model.norm_groups) : ordered_json()},
          {"block_out_channels", widths},
          {"center_input_sample", false},
          {"class_embed_type", nullptr},
          {"down_block_types", down},
          {"downsample_padding", model.downsample_padding == DownsamplePadding::kBoth ? 1 : 0},
          {"downsample_type", "conv"},
          {"dropout", model.dropout},
          {"flip_sin_to_cos", model.time_embedding == TimeHalves::kCosSin},
          {"freq_shift", static_cast<int64_t>(model.time_frequency_shift)},
          {"in_channels", channels},
          {"layers_per_block", model.blocks_per_level},
          {"mid_block_scale_factor", 1},
          {"mid_block_type", "UNetMidBlock2D"},
          {"norm_eps", model.norm_eps},
          {"norm_num_groups", model.norm_groups},
          {"num_class_embeds", classes > 0 ? ordered_json(classes) : ordered_json()},
          {"num_train_timesteps", nullptr},
          {"out_channels", config.diffusion.learns_variance() ? 2 * channels : channels},
          {"resnet_time_scale_shift", model.scale_shift_norm ? "scale_shift" : "default"},
          {"sample_size", height == width ? ordered_json(height) : ordered_json({height, width})},
          {"time_embedding_dim", nullptr},
          {"time_embedding_type", "positional"},
          {"up_block_types", up},
          {"upsample_type", "conv"}};
}

// Their word for one of ours, or null.
template <class Enum>
static const char* theirs(Enum value, const Dictionary<Enum>& words) {
  for (const auto& [our, their] : words)
    if (value == our) return their;
  return nullptr;
}

// beta_1 .. beta_T for a schedule without a name there.
static std::vector<double> table(DiffusionConfig diffusion) {
  diffusion.rescale_zero_terminal_snr = false;  // they rescale again
  const at::Tensor beta = NoiseSchedule::make(diffusion).beta();
  const double* begin = beta.const_data_ptr<double>();
  return {begin, begin + beta.numel()};
}

ordered_json scheduler_json(const Config& config) {
  const DiffusionConfig& diffusion = config.diffusion;
  const SampleConfig& sample = config.sample;
  const bool dynamic = sample.dynamic_threshold > 0;
  const double most = sample.dynamic_threshold_max > 0 ? sample.dynamic_threshold_max : kAnyMaximum;
  const char* const schedule = theirs(diffusion.schedule, kSchedules);
  const char* const prediction = theirs(diffusion.prediction, kPredictions);
  const char* const spacing = theirs(sample.spacing, kTimestepSpacings);
  if (prediction == nullptr)
    throw Error("/diffusion/prediction: \"", diffusion.prediction,
                "\"; diffusers' schedulers have no counterpart");
  if (diffusion.variance == VarianceKind::kLearned)
    throw Error("/diffusion/variance: \"learned\" is a log-variance here; diffusers' schedulers ",
                "have no counterpart");
  return {{"_class_name", "DDPMScheduler"},
          {"_diffusers_version", kVersion},
          {"beta_end", diffusion.beta_end},
          {"beta_schedule", schedule == nullptr ? "linear" : schedule},
          {"beta_start", diffusion.beta_start},
          {"clip_sample", sample.clip_x0},
          {"clip_sample_range", sample.clip_range},
          {"dynamic_thresholding_ratio", dynamic ? sample.dynamic_threshold : 0.995},
          {"num_train_timesteps", diffusion.timesteps},
          {"prediction_type", prediction},
          {"rescale_betas_zero_snr", diffusion.rescale_zero_terminal_snr},
          {"sample_max_value", dynamic ? most : 1.0},
          {"steps_offset", sample.steps_offset},
          {"thresholding", dynamic},
          {"timestep_spacing", spacing == nullptr ? "leading" : spacing},
          {"trained_betas", schedule == nullptr ? ordered_json(table(diffusion)) : ordered_json()},
          {"variance_type", word_of(diffusion.variance)}};
}

}  // namespace diffuse
