// From data to the x_T that ddim at η = 0 makes them from.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// x_0 [B, ...] -> x_T [B, ...]: the steps of ddim over the same falling timesteps, undone from the
// last to the first.                                                       [Song21] sec. 4.3, 5.4
//
// A step's ε is that of its noisier end, which is what is looked for. `passes` 1 takes the cleaner
// end's, which is Euler's method; each more takes the ε of the end found last, so that ddim without
// clipping comes back to x_0 ever more closely. Throws Error where a timestep holds no signal.
at::Tensor encode(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                  const at::Tensor& x0, const std::vector<double>& timesteps, int64_t passes);

}  // namespace diffuse
