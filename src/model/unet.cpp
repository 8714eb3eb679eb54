#include "unet.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "diffuse/core/error.h"
#include "padding.h"
#include "src/model/compute_scope.h"

namespace diffuse {

static int64_t level_count(const ModelConfig& c) {
  return static_cast<int64_t>(c.channel_multipliers.size());
}

// Image height or signal length at each level, finest first.
static std::vector<int64_t> level_heights(const ModelConfig& c) {
  std::vector<int64_t> heights;
  for (int64_t i = 0; i < level_count(c); ++i) {
    heights.push_back(c.sample_shape[1] / c.patch_size >> i);
  }
  return heights;
}

static bool has_attention(const ModelConfig& c, int64_t height) {
  return std::ranges::find(c.attention_resolutions, height) != c.attention_resolutions.end();
}

static void check_image_size(const ModelConfig& c) {
  if (c.sample_shape.size() < 2) {
    throw Error(
        "/model/type: \"unet\" needs images or signals, but the data are points; use \"mlp\"");
  }
  const int64_t height = c.sample_shape[1], width = c.sample_shape.back();
  const std::string size = is_signal(c) ? concat("length of ", width)
                                        : concat("height and width of ", height, " x ", width);
  if (height % c.patch_size != 0 || width % c.patch_size != 0) {
    throw Error("/model/patch_size: ", c.patch_size, " does not divide the samples' ", size);
  }
  const int64_t halvings = level_count(c) - 1, patch = c.patch_size;
  const int64_t factor = int64_t{1} << halvings;
  if (height / patch % factor == 0 && width / patch % factor == 0) return;
  int64_t fitting = 1;
  while ((height / patch | width / patch) % (int64_t{1} << fitting) == 0) ++fitting;
  throw Error("/model/channel_multipliers: ", level_count(c), " levels",
              patch > 1 ? concat(" on patches of ", patch) : "", " need sizes divisible by ",
              patch * factor, ", but the samples have a ", size, "; at most ", fitting,
              " levels fit");
}

static void check_attention_resolutions(const ModelConfig& c) {
  const std::vector<int64_t> heights = level_heights(c);
  for (size_t i = 0; i < c.attention_resolutions.size(); ++i) {
    if (std::ranges::find(heights, c.attention_resolutions[i]) != heights.end()) continue;
    std::vector<std::string> words;
    for (const int64_t height : heights) words.push_back(std::to_string(height));
    throw Error("/model/attention_resolutions/", i, ": ", c.attention_resolutions[i],
                " is not the height of a level; the levels have ", join(words));
  }
}

static void check_channels(const ModelConfig& c) {
  if (c.channels % 2 != 0) {
    throw Error("/model/channels: ", c.channels,
                " is odd; the time embedding needs an even number");
  }
  const std::vector<int64_t> heights = level_heights(c);
  for (int64_t i = 0; i < level_count(c); ++i) {
    const int64_t channels = c.channels * c.channel_multipliers[i];
    if (channels % c.norm_groups != 0) {
      throw Error("/model/norm_groups: ", c.norm_groups, " does not divide the ", channels,
                  " channels of level ", i, " (/model/channels x /model/channel_multipliers/", i,
                  ")");
    }
    const bool attends =
        has_attention(c, heights[i]) || (c.mid_attention && i + 1 == level_count(c));
    if (attends && attention_heads(c, channels) == 0) {
      const bool by_dim = c.attention_head_dim > 0;
      throw Error(by_dim ? "/model/attention_head_dim: " : "/model/attention_heads: ",
                  by_dim ? c.attention_head_dim : c.attention_heads, " does not divide the ",
                  channels, " channels of level ", i);
    }
  }
}

static const ModelConfig& checked_unet(const ModelConfig& config) {
  check_image_size(config);
  check_attention_resolutions(config);
  check_channels(config);
  return config;
}

UNet::UNet(const ModelConfig& config, bool learned_variance, Initializer init)
    : config_(checked_unet(config)) {
  const int64_t channels = config.channels, time = 4 * channels;
  const int64_t patch = config.patch_size * (is_signal(config) ? 1 : config.patch_size);
  const int64_t pixels = config.sample_shape[0] * patch;
  const Window window{.kernel = 3, .stride = 1, .padding = 1, .signal = is_signal(config)};

  const int64_t inputs =
      (config.self_conditioning ? 2 * pixels : pixels) + config.condition_channels * patch;
  conv_in_ = register_module("conv_in", std::make_shared<Conv2d>(init, inputs, channels, window));
  embed_.emplace(*this, init, config, channels, time);
  add_levels(init);
  const int64_t out = channels * config.channel_multipliers[0];
  conv_norm_out_ = register_module(
      "conv_norm_out", std::make_shared<GroupNorm>(init, config.norm_groups, out, config.norm_eps));
  const int64_t outputs = learned_variance ? 2 * pixels : pixels;
  conv_out_ =
      register_module("conv_out", std::make_shared<Conv2d>(init, out, outputs, window, kNearZero));
}

void UNet::add_levels(Initializer& init) {
  down_blocks_ = register_module("down_blocks", std::make_shared<ModuleList<DownBlock>>());
  up_blocks_ = register_module("up_blocks", std::make_shared<ModuleList<UpBlock>>());
  const int64_t levels = level_count(config_), time = 4 * config_.channels;
  const std::vector<int64_t> heights = level_heights(config_);
  std::vector<int64_t> skips{config_.channels};  // channels of each skip connection, as pushed
  int64_t in = config_.channels;

  for (int64_t i = 0; i < levels; ++i) {
    const int64_t out = config_.channels * config_.channel_multipliers[i];
    const bool last = i + 1 == levels;
    down_blocks_->add(init, config_, in, out, time, has_attention(config_, heights[i]), last);
    skips.insert(skips.end(), config_.blocks_per_level + (last ? 0 : 1), out);
    in = out;
  }
  mid_block_ = register_module("mid_block", std::make_shared<MidBlock>(init, config_, in, time));
  for (int64_t i = levels - 1; i >= 0; --i) {
    const int64_t out = config_.channels * config_.channel_multipliers[i];
    const int64_t blocks = config_.blocks_per_level + 1;
    const std::vector<int64_t> used(skips.rbegin(), skips.rbegin() + blocks);
    skips.resize(skips.size() - blocks);
    up_blocks_->add(init, config_, in, out, time, used, has_attention(config_, heights[i]), i == 0);
    in = out;
  }
}

// Images [B, C, H, W] -> [B, p p C, H/p, W/p]; signals [B, C, L] -> [B, p C, 1, L/p].
at::Tensor UNet::to_patches(const at::Tensor& x) const {
  const int64_t p = config_.patch_size;
  if (is_signal(config_)) return x.unflatten(2, {-1, p}).movedim(3, 2).flatten(1, 2).unsqueeze(2);
  return p > 1 ? at::pixel_unshuffle(x, p) : x;
}

at::Tensor UNet::from_patches(const at::Tensor& h) const {
  const int64_t p = config_.patch_size;
  if (is_signal(config_)) return h.squeeze(2).unflatten(1, {-1, p}).movedim(2, 3).flatten(2);
  return p > 1 ? at::pixel_shuffle(h, p) : h;
}

at::Tensor UNet::forward(const at::Tensor& x, const at::Tensor& time, const Conditioning& given) {
  const at::ScalarType type = ComputeScope::type_for(x);
  const at::Tensor embedding = (*embed_)(time, given, type);
  const int64_t own = config_.sample_shape[0] * (config_.self_conditioning ? 2 : 1);
  at::Tensor h = to_patches(
      with_condition_channels(x.to(type), own, given.condition, config_.condition_channels));
  h = conv_in_->forward(h.contiguous(at::MemoryFormat::ChannelsLast));

  std::vector<at::Tensor> skips{h};
  for (const auto& block : *down_blocks_) h = block->forward(h, embedding, skips, recompute_);
  h = mid_block_->forward(h, embedding, recompute_);
  for (const auto& block : *up_blocks_) h = block->forward(h, embedding, skips, recompute_);

  h = conv_out_->forward(conv_norm_out_->silu({{h}}));
  return from_patches(h).to(x.scalar_type()).contiguous();
}

}  // namespace diffuse
