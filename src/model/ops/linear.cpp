#include "linear.h"

#include <ATen/ops/linear.h>

namespace diffuse::ops {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight, bias);
}

}  // namespace diffuse::ops
