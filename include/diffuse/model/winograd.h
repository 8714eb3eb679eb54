// 3x3 convolution on the CPU by Winograd's F(4x4, 3x3): a quarter of the multiplications of the
// direct way, as 36 matrix products.                                      [Lavin16] sec. 4.3
#pragma once

#include <ATen/core/Tensor.h>

#include <unordered_map>

namespace diffuse {

// True where winograd_conv3x3 takes the input and is expected to beat LibTorch's convolution:
// float32 on the CPU, enough channels to fill the products, tiles that fit the image.
bool winograd_pays(const at::Tensor& x, const at::Tensor& weight);

// x [B, I, H, W], weight [O, I, 3, 3], bias [O] -> [B, O, H, W] in channels_last: stride 1, one pixel
// of zeros around. Rounding errors are some 1e-6 of the output's size, a few times those of a
// direct convolution. Differentiable.
at::Tensor winograd_conv3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// Transformed filters by the place of their weights: four times the weights' memory.
using WinogradFilters = std::unordered_map<const void*, at::Tensor>;

// While it lives, the convolutions of this thread look for their filters in `filters` before they
// transform them, and keep them there: for many small batches. The weights must not change as long as
// `filters` is in use.
class WinogradFilterScope {
 public:
  explicit WinogradFilterScope(WinogradFilters& filters);
  ~WinogradFilterScope();
  WinogradFilterScope(const WinogradFilterScope&) = delete;
  WinogradFilterScope& operator=(const WinogradFilterScope&) = delete;

 private:
  WinogradFilters* outer_;
};

}  // namespace diffuse
