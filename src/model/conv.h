// The convolutional layer.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>

#include "initializer.h"
#include "ops/conv.h"

namespace diffuse {

using ops::Window;

class Conv2d : public torch::nn::Module {
 public:
  Conv2d(Initializer& init, int64_t in, int64_t out, const Window& window, double scale = 1.0);

  at::Tensor forward(const at::Tensor& x) const;  // [B, in, H, W] -> [B, out, H', W']

  // The same, for a consumer that adds biases itself; more_bias [out] or undefined: added as well.
  ops::Biased forward_biased(const at::Tensor& x, const at::Tensor& more_bias = {}) const;

  // A 1x1 convolution without its bias as the shortcut around h [B, out, H, W]: h + its products with x and,
  // if defined, with skip, whose channels follow those of x. May overwrite h.
  at::Tensor shortcut(const ops::Biased& h, const at::Tensor& x, const at::Tensor& skip) const;
  const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_, bias_;
  Window window_;
};

}  // namespace diffuse
