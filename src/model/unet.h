// The UNet of Ho et al. and, by options, of Nichol and Dhariwal. [Ho20] app. B, [Nichol21] app. A
#pragma once

#include <memory>
#include <optional>

#include "diffuse/model/network.h"
#include "embedding.h"
#include "unet_blocks.h"

namespace diffuse {

class UNet : public Network {
 public:
  // Throws Error naming the JSON path if the config's sizes do not fit its sample_shape.
  UNet(const ModelConfig& config, bool learned_variance, Initializer init);

  // x [B, C, H, W], or [B, 2C, H, W] if self-conditioned -> [B, C or 2C, H, W], contiguous, dtype of x; signals
  // are [B, C, L]. The condition's channels follow x's in the first convolution.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                     const Conditioning& given) override;
  bool self_conditioned() const override { return config_.self_conditioning; }
  void checkpoint_gradients() override { recompute_ = true; }

 private:
  void add_levels(Initializer& init);
  at::Tensor to_patches(const at::Tensor& x) const;
  at::Tensor from_patches(const at::Tensor& h) const;

  ModelConfig config_;
  bool recompute_ = false;
  std::shared_ptr<Conv2d> conv_in_, conv_out_;
  std::optional<Embeddings> embed_;  // set by the constructor, after conv_in_
  std::shared_ptr<ModuleList<DownBlock>> down_blocks_;
  std::shared_ptr<MidBlock> mid_block_;
  std::shared_ptr<ModuleList<UpBlock>> up_blocks_;  // coarse to fine
  std::shared_ptr<GroupNorm> conv_norm_out_;
};

}  // namespace diffuse
