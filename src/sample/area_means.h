// Samples whose condition is their own low resolution.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace diffuse {

// Images x [B, C, H, W] moved to the nearest ones whose means over factor x factor pixels are those of `wanted`, of the
// same shape: the last step of [Wang22]. Where `clip`, values stay within -1 and 1, and the means are met as far as
// that allows.
at::Tensor with_area_means(const at::Tensor& x, const at::Tensor& wanted, int64_t factor,
                           bool clip);

}  // namespace diffuse
