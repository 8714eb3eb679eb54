// Taking noise of a known strength out of a sample: y = x_0 + sigma z, z ~ N(0, I).
//
// Scaled by sqrt(alpha_bar_t), y is a draw from q(x_t | x_0) for the timestep whose noise is
// sqrt((1 - alpha_bar) / alpha_bar) = sigma. sigma is on the scale of x_0, which is [-1, 1] for
// images: a standard deviation of 25 grey levels of 255 is sigma = 25 / 127.5.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// sqrt((1 - alpha_bar) / alpha_bar) of each timestep: [T] float64, rising.
at::Tensor noise_levels(const NoiseSchedule& schedule);

// The timestep whose noise level is nearest to sigma by ratio. Throws Error naming --sigma where it
// is not above 0 or beyond the last timestep's.
int64_t nearest_timestep(const NoiseSchedule& schedule, double sigma);

// The time of a process whose noise is sigma: of a chain the nearest timestep's; at least the first. Throws
// Error naming --sigma as nearest_timestep() does.
double time_of_noise(const Process& process, double sigma);

// E[x_0 | y] as the network has it, in one shot: y [B, ...] -> [B, ...]. Between two timesteps (or
// below the first, where the noiseless y stands for one) their answers are mixed, linearly in
// sigma^2, so that sigma need not be on the schedule; in continuous time it is. For Gaussian data this is the Wiener filter.
at::Tensor denoise_at_once(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                           const at::Tensor& y, double sigma, bool clip_x0);

// The standard deviation of white noise in an image [C, H, W] of at least 2 x 2 pixels: the median
// size of the finest diagonal Haar coefficients over 0.6745 [Donoho94]. Squares with a pixel at -1
// or 1 are left out where others are enough: there noise was cut off.
double estimate_sigma(const at::Tensor& image);

}  // namespace diffuse
