// Convolutions, and the sums after them in a residual block.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse::ops {

// Kernel size, stride and zero padding of a convolution: of an image, equal along H and W; of a signal, an
// image of height 1, along W only.
struct Window {
  int64_t kernel, stride, padding;
  bool signal = false;
  bool doubled = false;  // each pixel is repeated first: 2 x 2 of an image, 2 of a signal
  bool at_end = false;   // of stride 2: zeros only after the last pixels
};

// value [B, C, H, W] + bias [C] + more_bias [C], a sum left to the next operation; undefined: no bias.
struct Biased {
  at::Tensor value, bias = {}, more_bias = {};
};

// y = weight * x + bias:  x [B, I, H, W], weight [O, I, h, w], bias [O] -> [B, O, H', W']
at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  const Window& window);

// The same + more_bias, which may be undefined, with the biases left to the consumer where that is cheaper: on the
// CPU the convolution has already added them, elsewhere not.
Biased conv2d_biased(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     const Window& window, const at::Tensor& more_bias = {});

// y = h + x, of one shape. May overwrite h.
at::Tensor residual_sum(const Biased& h, const at::Tensor& x);

// y = h + weight * concat(x, skip): h [B, O, H, W], weight [O, I, 1, 1], x and skip with I channels in all,
// skip undefined if x has all. May overwrite h.
at::Tensor residual_conv1x1(const Biased& h, const at::Tensor& x, const at::Tensor& skip,
                            const at::Tensor& weight);

}  // namespace diffuse::ops
