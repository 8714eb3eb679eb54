#include "conv.h"

#include <ATen/ATen.h>

#include "src/model/layer_watch.h"

namespace diffuse {

Conv2d::Conv2d(Initializer& init, int64_t in, int64_t out, const Window& window, double scale)
    : window_(window) {
  const int64_t height = window.signal ? 1 : window.kernel;
  // With one position both layouts are the same; LibTorch then expects the plain one's strides.
  const auto format =
      window.kernel > 1 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  weight_ = register_parameter(
      "weight", init.variance_scaling({out, in, height, window.kernel}, scale, format));
  bias_ = register_parameter("bias", init.full(out, 0));
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
  return LayerWatch::watched(*this, ops::conv2d(x, weight_, bias_, window_));
}

ops::Biased Conv2d::forward_biased(const at::Tensor& x, const at::Tensor& more_bias) const {
  ops::Biased y = ops::conv2d_biased(x, weight_, bias_, window_, more_bias);
  LayerWatch::watched(*this, y.value);
  return y;
}

at::Tensor Conv2d::shortcut(const ops::Biased& h, const at::Tensor& x,
                            const at::Tensor& skip) const {
  return LayerWatch::watched(*this, ops::residual_conv1x1(h, x, skip, weight_));
}

}  // namespace diffuse
