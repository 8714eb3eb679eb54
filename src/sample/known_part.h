// The known part of samples whose condition is a mask.                              [Tashiro21] sec. 4
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// Values like x_0 [B, C, ...], and 1 where they are known, else 0, which broadcasts with them.
struct KnownPart {
  at::Tensor values, known;
};

// Of the condition [B, C + M, ...] of a mask, for samples of C channels: see data/condition.h.
KnownPart known_part(const at::Tensor& condition, int64_t channels);

// `denoiser`, except that its output is the correct one where x_0 is known: p x_0 + q ε with ε = (x_t − a x_0) / s.
// In a loss these values have no error; a sampler moves them along their own path to the known x_0. The diffusion
// must outlive it, and have no learned variance.
Denoiser with_known_part(const GaussianDiffusion& diffusion, Denoiser denoiser,
                         const KnownPart& part);

// Losses [B], means over all values of which the known ones are 0 -> means over the unknown values; 0 where there
// are none.
at::Tensor mean_of_unknown(const at::Tensor& losses, const KnownPart& part);

// x [B, C, ...] with the known values in their places.
at::Tensor put_known_part(const at::Tensor& x, const KnownPart& part);

}  // namespace diffuse
