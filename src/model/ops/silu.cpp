#include "silu.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/silu.h>

namespace diffuse::ops {

at::Tensor silu_in_place(at::Tensor x) {
  return at::GradMode::is_enabled() && x.requires_grad() ? at::silu(x) : at::silu_(x);
}

}  // namespace diffuse::ops
