// Samples that fit the condition they were drawn for.
#pragma once

#include <ATen/core/Tensor.h>

#include "diffuse/config/config.h"

namespace diffuse {

// Samples x [B, C, ...] -> the nearest ones whose condition is `condition` [B, ...]: with its known values of a mask,
// its area means of a downscaled image, its luminance of a grey one (the last step of [Wang22]); x itself for other
// conditions, and for those with noise, which need not be met. Where `clip`, values stay within -1 and 1.
at::Tensor fitted(const ConditionConfig& config, const at::Tensor& x, const at::Tensor& condition,
                  bool clip);

}  // namespace diffuse
