#include "padding.h"

#include <ATen/ATen.h>

#include <vector>

namespace diffuse {

at::Tensor zero_pad_channels(const at::Tensor& x, int64_t channels) {
  if (x.size(1) == channels) return x;
  std::vector<int64_t> shape = x.sizes().vec();
  shape[1] = channels - x.size(1);
  return at::cat({x, at::zeros(shape, x.options())}, 1);
}

at::Tensor with_condition_channels(const at::Tensor& x, int64_t own, const at::Tensor& condition,
                                   int64_t further) {
  if (further == 0 || !condition.defined()) return zero_pad_channels(x, own + further);
  return at::cat({zero_pad_channels(x, own), condition.to(x.scalar_type())}, 1);
}

}  // namespace diffuse
