// SiLU without a preceding normalisation.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops {

// y = x / (1 + exp(-x)), in x's memory if no gradient needs x: for values with no other consumer.
at::Tensor silu_in_place(at::Tensor x);

}  // namespace diffuse::ops
