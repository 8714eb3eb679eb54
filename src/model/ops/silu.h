// SiLU by itself, for what no normalisation precedes.
#pragma once

#include <ATen/core/Tensor.h>

namespace diffuse::ops {

// y = x / (1 + exp(-x)), in the memory of x where no gradient wants x: for values that have no other
// reader.
at::Tensor silu_in_place(at::Tensor x);

}  // namespace diffuse::ops
