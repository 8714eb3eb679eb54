// The blocks of the UNet. Module names are those of Hugging Face diffusers' UNet2DModel, so that weights are
// interchangeable. A signal [C, L] is an image [C, 1, L]: its convolutions are 1x3, and only W is halved and
// doubled. `recompute`: gradient checkpointing of each residual block with its attention.
#pragma once

#include <memory>

#include "conv.h"
#include "diffuse/config/config.h"
#include "linear.h"
#include "module_list.h"
#include "norm.h"

namespace diffuse {

// GroupNorm-SiLU-conv twice with the time embedding added in between, plus a skip path.
// [Ho20] app. B; scale_shift_norm: [Nichol21] app. A.
class ResnetBlock : public torch::nn::Module {
 public:
  ResnetBlock(Initializer& init, const ModelConfig& config, int64_t in, int64_t out, int64_t time);

  // x [B, in, H, W], time [B, time] after its SiLU -> [B, out, H, W]. `skip`: the last of the `in` channels,
  // if they are not all in x; then in != out.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                     const at::Tensor& skip = {}) const;

 private:
  std::shared_ptr<GroupNorm> norm1_, norm2_;
  std::shared_ptr<Conv2d> conv1_, conv2_, conv_shortcut_;  // conv_shortcut_: null when in == out
  std::shared_ptr<Linear> time_emb_proj_;
  double dropout_;
  uint32_t layer_;  // number of its dropout layer in the network
  bool scale_shift_;
};

// Self-attention over the H W positions, with a residual connection. [Ho20] app. B
class Attention : public torch::nn::Module {
 public:
  Attention(Initializer& init, const ModelConfig& config, int64_t channels, bool norm = true);
  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> the same

 private:
  std::shared_ptr<GroupNorm> group_norm_;  // null without norm
  std::shared_ptr<Linear> to_q_, to_k_, to_v_;
  std::shared_ptr<ModuleList<Linear>> to_out_;  // one: for diffusers' name "to_out.0"
  int64_t heads_;
};

// 3x3 convolution with stride 2; pads right and bottom only, or all sides.
class Downsample : public torch::nn::Module {
 public:
  Downsample(Initializer& init, const ModelConfig& config, int64_t channels);
  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, H/2, W/2]

 private:
  std::shared_ptr<Conv2d> conv_;
};

// Nearest-neighbour upsampling by 2, then a 3x3 convolution.
class Upsample : public torch::nn::Module {
 public:
  Upsample(Initializer& init, const ModelConfig& config, int64_t channels);
  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, 2H, 2W]

 private:
  std::shared_ptr<Conv2d> conv_;
};

// The residual blocks at one resolution. `attentions` is empty or as long as `resnets`.
class DownBlock : public torch::nn::Module {
 public:
  DownBlock(Initializer& init, const ModelConfig& config, int64_t in, int64_t out, int64_t time,
            bool attention, bool last);

  // Appends every intermediate result to `skips`.
  at::Tensor forward(at::Tensor h, const at::Tensor& time, std::vector<at::Tensor>& skips,
                     bool recompute) const;

 private:
  std::shared_ptr<ModuleList<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleList<Attention>> attentions_;
  std::shared_ptr<ModuleList<Downsample>> downsamplers_;  // one, or none at the coarsest level
};

class MidBlock : public torch::nn::Module {
 public:
  MidBlock(Initializer& init, const ModelConfig& config, int64_t channels, int64_t time);
  at::Tensor forward(const at::Tensor& h, const at::Tensor& time, bool recompute) const;

 private:
  std::shared_ptr<ModuleList<ResnetBlock>> resnets_;   // two
  std::shared_ptr<ModuleList<Attention>> attentions_;  // one or none, between them
};

class UpBlock : public torch::nn::Module {
 public:
  // `in`: channels from the level below; `skips`: channels of each skip, in order of use.
  UpBlock(Initializer& init, const ModelConfig& config, int64_t in, int64_t out, int64_t time,
          const std::vector<int64_t>& skips, bool attention, bool last);

  // Pops its skips from the end of `skips`.
  at::Tensor forward(at::Tensor h, const at::Tensor& time, std::vector<at::Tensor>& skips,
                     bool recompute) const;

 private:
  std::shared_ptr<ModuleList<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleList<Attention>> attentions_;
  std::shared_ptr<ModuleList<Upsample>> upsamplers_;  // one, or none at full resolution
};

}  // namespace diffuse
