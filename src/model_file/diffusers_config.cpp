#include "diffusers_config.h"

#include <algorithm>

#include "diffuse/core/error.h"
#include "foreign_checkpoint.h"

namespace diffuse {

// Fields with only one or two supported values; diffusers' default is first if supported.
static void read_fixed_fields(ForeignJson& json) {
  json.one_of("_class_name", {"UNet2DModel"});
  json.one_of("act_fn", {"silu", "swish"});
  json.one_of("center_input_sample", {false});
  json.one_of("time_embedding_type", {"positional"});
  json.one_of("mid_block_type", {"UNetMidBlock2D"});
  json.one_of("mid_block_scale_factor", {1});
  json.one_of("downsample_type", {"conv"});
  json.one_of("upsample_type", {"conv"});
  json.one_of("class_embed_type", {nullptr});
  json.one_of("num_train_timesteps", {nullptr});
}

static void read_channels(ForeignJson& json, ModelConfig& model) {
  const auto widths = json.integers("block_out_channels", {224, 448, 672, 896});
  if (widths.empty() || std::ssize(widths) > kMaxLevels || widths[0] < 1)
    json.refuse("block_out_channels", concat("1 to ", kMaxLevels, " positive integers"));
  model.channels = widths[0];
  model.channel_multipliers.clear();
  for (const int64_t width : widths) {
    if (width < 1 || width % widths[0] != 0)
      json.refuse("block_out_channels", "multiples of the first");
    model.channel_multipliers.push_back(width / widths[0]);
  }
  json.one_of("time_embedding_dim", {nullptr, 4 * widths[0]});
}

static void read_sample_shape(ForeignJson& json, int64_t image_size, Config& config) {
  const auto channels = json.integer("in_channels", 3);
  config.model.sample_shape = {channels};
  config.model.sample_kind = SampleKind::kImage;
  const bool missing = json.is_null("sample_size", true);
  if (missing && image_size == 0)
    json.refuse(
        "sample_size",
        "the images' size in pixels; set it by `diffuse convert IN OUT.pt --image-size 32`");
  if (!missing && image_size > 0)
    json.refuse("sample_size", concat("none with --image-size ", image_size));
  const auto size = missing ? std::vector{image_size} : json.integers("sample_size", {});
  if (size.empty() || size.size() > 2) json.refuse("sample_size", "one or two integers");
  config.model.sample_shape.push_back(size.front());
  config.model.sample_shape.push_back(size.back());

  const int64_t outputs = json.integer("out_channels", 3);
  if (outputs != channels && outputs != 2 * channels)
    json.refuse("out_channels", concat(channels, ", as many as in_channels, or twice as many"));
  config.diffusion.variance =
      outputs == channels ? VarianceKind::kFixedSmall : VarianceKind::kLearnedRange;
}

static void read_attention(ForeignJson& json, ModelConfig& model) {
  const auto down = json.texts(
      "down_block_types", {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"});
  const auto up = json.texts("up_block_types",
                             {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"});
  const size_t levels = model.channel_multipliers.size();
  if (down.size() != levels) json.refuse("down_block_types", concat(levels, " block types"));
  if (up.size() != levels) json.refuse("up_block_types", concat(levels, " block types"));
  model.attention_resolutions.clear();
  for (size_t i = 0; i < levels; ++i) {
    const bool attention = down[i] == "AttnDownBlock2D";
    if (!attention && down[i] != "DownBlock2D")
      json.refuse("down_block_types", "only DownBlock2D and AttnDownBlock2D");
    if (up[levels - 1 - i] != (attention ? "AttnUpBlock2D" : "UpBlock2D"))
      json.refuse("up_block_types",
                  "UpBlock2D and AttnUpBlock2D with attention at the levels of down_block_types");
    if (attention) model.attention_resolutions.push_back(model.sample_shape[1] >> i);
  }
  model.mid_attention = json.flag("add_attention", true);
  const bool null_dim = json.is_null("attention_head_dim", false);
  model.attention_heads = 1;
  model.attention_head_dim = null_dim ? 0 : json.integer("attention_head_dim", 8);
}

static void read_norms(ForeignJson& json, ModelConfig& model) {
  model.norm_groups = json.integer("norm_num_groups", 32);
  model.norm_eps = json.number("norm_eps", 1e-5);
  model.scale_shift_norm =
      json.one_of("resnet_time_scale_shift", {"default", "scale_shift"}) == "scale_shift";
  // If null, the middle attention has a norm only without scale_shift.
  const bool given = json.one_of("attn_norm_num_groups", {nullptr, model.norm_groups}) != nullptr;
  model.mid_attention_norm = given || !model.scale_shift_norm;
}

void read_unet_json(ForeignJson& json, int64_t image_size, Config& config) {
  read_fixed_fields(json);
  ModelConfig& model = config.model;
  model.type = NetworkType::kUnet;
  read_channels(json, model);
  read_sample_shape(json, image_size, config);
  read_attention(json, model);
  read_norms(json, model);
  model.blocks_per_level = json.integer("layers_per_block", 2);
  model.dropout = json.number("dropout", 0);
  model.time_embedding =
      json.flag("flip_sin_to_cos", true) ? TimeHalves::kCosSin : TimeHalves::kSinCos;
  model.time_frequency_shift = json.number("freq_shift", 0);
  model.time_scale = 1;
  model.downsample_padding = json.one_of("downsample_padding", {1, 0}) == 1
                                 ? DownsamplePadding::kBoth
                                 : DownsamplePadding::kEnd;
  model.patch_size = 1;
  // Includes a "no class" row if our own training made one.
  const bool conditional = !json.is_null("num_class_embeds", true);
  const int64_t rows = conditional ? json.integer("num_class_embeds", 0) : 0;
  model.classes = rows - (config.train.label_dropout > 0 && rows > 0 ? 1 : 0);
  model.class_conditional = conditional;
  // Written with averaged weights: the settings of the average.
  json.ignore({"decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step",
               "use_ema_warmup"});
  json.finish();
}

}  // namespace diffuse
