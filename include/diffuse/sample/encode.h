// From data to the x_T from which ddim at η = 0 generates them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// x_0 [B, ...] -> x_T [B, ...]: the steps of ddim over the same decreasing timesteps, inverted from the
// last to the first.                                                       [Song21] sec. 4.3, 5.4
//
// A step's ε is that of its noisier end, the unknown. With `passes` 1 it is the cleaner end's, which is
// Euler's method; each further pass takes the ε of the last estimate, so that ddim without clipping
// reconstructs x_0 more closely. Throws Error at a timestep without signal.
at::Tensor encode(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                  const at::Tensor& x0, const std::vector<double>& timesteps, int64_t passes);

}  // namespace diffuse
