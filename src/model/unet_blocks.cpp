#include "unet_blocks.h"

#include <ATen/ATen.h>

#include "diffuse/model/network.h"
#include "ops/attention.h"
#include "recompute.h"

namespace diffuse {

static std::shared_ptr<Conv2d> conv3x3(Initializer& init, const ModelConfig& config, int64_t in,
                                       int64_t out, double scale = 1.0) {
  const Window window{.kernel = 3, .stride = 1, .padding = 1, .signal = is_signal(config)};
  return std::make_shared<Conv2d>(init, in, out, window, scale);
}

ResnetBlock::ResnetBlock(Initializer& init, const ModelConfig& config, int64_t in, int64_t out,
                         int64_t time)
    : dropout_(config.dropout), layer_(init.next_dropout()), scale_shift_(config.scale_shift_norm) {
  const auto norm = [&](int64_t channels) {
    return std::make_shared<GroupNorm>(init, config.norm_groups, channels, config.norm_eps);
  };
  norm1_ = register_module("norm1", norm(in));
  conv1_ = register_module("conv1", conv3x3(init, config, in, out));
  time_emb_proj_ = register_module(
      "time_emb_proj", std::make_shared<Linear>(init, time, scale_shift_ ? 2 * out : out));
  norm2_ = register_module("norm2", norm(out));
  conv2_ = register_module("conv2", conv3x3(init, config, out, out, kNearZero));
  if (in != out) {
    conv_shortcut_ =
        register_module("conv_shortcut", std::make_shared<Conv2d>(init, in, out, Window{1, 1, 0}));
  }
}

at::Tensor ResnetBlock::forward(const at::Tensor& x, const at::Tensor& time,
                                const at::Tensor& skip) const {
  const ops::Normed in = norm1_->silu_passing({{x}, skip});
  ops::NormInput middle{conv1_->forward_biased(in.y)};
  const at::Tensor embedded = time_emb_proj_->forward(time);
  ops::Modulation modulation;
  if (scale_shift_) {
    const auto parts = embedded.chunk(2, 1);  // [B, C] each
    modulation = {parts[0], parts[1]};
  } else {
    middle.shift = embedded;
  }
  const ops::Dropout dropout{is_training() ? dropout_ : 0, layer_};
  const at::Tensor h = norm2_->silu(middle, modulation, dropout);
  if (!conv_shortcut_) return ops::residual_sum(conv2_->forward_biased(h), in.x);
  return conv_shortcut_->shortcut(conv2_->forward_biased(h, conv_shortcut_->bias()), in.x, in.skip);
}

int64_t attention_heads(const ModelConfig& config, int64_t channels) {
  const int64_t divisor =
      config.attention_head_dim > 0 ? config.attention_head_dim : config.attention_heads;
  if (channels % divisor != 0) return 0;
  return config.attention_head_dim > 0 ? channels / divisor : divisor;
}

Attention::Attention(Initializer& init, const ModelConfig& config, int64_t channels, bool norm)
    : heads_(attention_heads(config, channels)) {
  if (norm) {
    group_norm_ = register_module(
        "group_norm",
        std::make_shared<GroupNorm>(init, config.norm_groups, channels, config.norm_eps));
  }
  to_q_ = register_module("to_q", std::make_shared<Linear>(init, channels, channels));
  to_k_ = register_module("to_k", std::make_shared<Linear>(init, channels, channels));
  to_v_ = register_module("to_v", std::make_shared<Linear>(init, channels, channels));
  to_out_ = register_module("to_out", std::make_shared<ModuleList<Linear>>());
  to_out_->add(init, channels, channels, kNearZero);
}

at::Tensor Attention::forward(const at::Tensor& x) const {
  const int64_t batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  // [B, C, H, W] -> [B, HW, C]: no copy if x is channels_last
  const ops::Normed in = group_norm_ ? group_norm_->forward_passing(x) : ops::Normed{x, x, {}};
  const at::Tensor h = in.y.flatten(2).transpose(1, 2);
  const auto qkv = Linear::forward_all({to_q_.get(), to_k_.get(), to_v_.get()}, h);
  const at::Tensor mixed = ops::attention(qkv[0], qkv[1], qkv[2], heads_);
  const at::Tensor out = (*to_out_)[0].forward(mixed);  // [B, HW, C]
  return in.x + out.transpose(1, 2).view({batch, channels, height, width});
}

Downsample::Downsample(Initializer& init, const ModelConfig& config, int64_t channels) {
  const Window window{.kernel = 3,
                      .stride = 2,
                      .padding = 1,
                      .signal = is_signal(config),
                      .at_end = config.downsample_padding != DownsamplePadding::kBoth};
  conv_ = register_module("conv", std::make_shared<Conv2d>(init, channels, channels, window));
}

at::Tensor Downsample::forward(const at::Tensor& x) const { return conv_->forward(x); }

Upsample::Upsample(Initializer& init, const ModelConfig& config, int64_t channels) {
  const Window window{
      .kernel = 3, .stride = 1, .padding = 1, .signal = is_signal(config), .doubled = true};
  conv_ = register_module("conv", std::make_shared<Conv2d>(init, channels, channels, window));
}

at::Tensor Upsample::forward(const at::Tensor& x) const { return conv_->forward(x); }

// The i-th residual block of h, with a skip connection if given, and its attention. The lists belong to the
// network: they outlive the backward pass.
static at::Tensor residual_unit(const ModuleList<ResnetBlock>& resnets,
                                const ModuleList<Attention>& attentions, size_t i, bool recompute,
                                const at::Tensor& h, const at::Tensor& time,
                                const at::Tensor& skip = {}) {
  const auto unit = [&resnets, &attentions, i](const at::Tensor& x, const at::Tensor& emb,
                                               const at::Tensor& joined) {
    const at::Tensor out = resnets[i].forward(x, emb, joined);
    return i < attentions.size() ? attentions[i].forward(out) : out;
  };
  return recompute ? recomputed(unit, h, time, skip) : unit(h, time, skip);
}

DownBlock::DownBlock(Initializer& init, const ModelConfig& config, int64_t in, int64_t out,
                     int64_t time, bool attention, bool last)
    : resnets_(register_module("resnets", std::make_shared<ModuleList<ResnetBlock>>())),
      attentions_(register_module("attentions", std::make_shared<ModuleList<Attention>>())),
      downsamplers_(register_module("downsamplers", std::make_shared<ModuleList<Downsample>>())) {
  for (int64_t i = 0; i < config.blocks_per_level; ++i) {
    resnets_->add(init, config, i == 0 ? in : out, out, time);
    if (attention) attentions_->add(init, config, out);
  }
  if (!last) downsamplers_->add(init, config, out);
}

at::Tensor DownBlock::forward(at::Tensor h, const at::Tensor& time, std::vector<at::Tensor>& skips,
                              bool recompute) const {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    h = residual_unit(*resnets_, *attentions_, i, recompute, h, time);
    skips.push_back(h);
  }
  for (const auto& downsampler : *downsamplers_) {
    h = downsampler->forward(h);
    skips.push_back(h);
  }
  return h;
}

MidBlock::MidBlock(Initializer& init, const ModelConfig& config, int64_t channels, int64_t time)
    : resnets_(register_module("resnets", std::make_shared<ModuleList<ResnetBlock>>())),
      attentions_(register_module("attentions", std::make_shared<ModuleList<Attention>>())) {
  resnets_->add(init, config, channels, channels, time);
  if (config.mid_attention) attentions_->add(init, config, channels, config.mid_attention_norm);
  resnets_->add(init, config, channels, channels, time);
}

at::Tensor MidBlock::forward(const at::Tensor& h, const at::Tensor& time, bool recompute) const {
  const at::Tensor mid = residual_unit(*resnets_, *attentions_, 0, recompute, h, time);
  return residual_unit(*resnets_, *attentions_, 1, recompute, mid, time);
}

UpBlock::UpBlock(Initializer& init, const ModelConfig& config, int64_t in, int64_t out,
                 int64_t time, const std::vector<int64_t>& skips, bool attention, bool last)
    : resnets_(register_module("resnets", std::make_shared<ModuleList<ResnetBlock>>())),
      attentions_(register_module("attentions", std::make_shared<ModuleList<Attention>>())),
      upsamplers_(register_module("upsamplers", std::make_shared<ModuleList<Upsample>>())) {
  for (size_t i = 0; i < skips.size(); ++i) {
    resnets_->add(init, config, (i == 0 ? in : out) + skips[i], out, time);
    if (attention) attentions_->add(init, config, out);
  }
  if (!last) upsamplers_->add(init, config, out);
}

at::Tensor UpBlock::forward(at::Tensor h, const at::Tensor& time, std::vector<at::Tensor>& skips,
                            bool recompute) const {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    h = residual_unit(*resnets_, *attentions_, i, recompute, h, time, skips.back());
    skips.pop_back();
  }
  for (const auto& upsampler : *upsamplers_) h = upsampler->forward(h);
  return h;
}

}  // namespace diffuse
