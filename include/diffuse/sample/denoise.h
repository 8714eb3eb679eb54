// Denoising a sample with noise of known standard deviation: y = x_0 + sigma z, z ~ N(0, I).
//
// Scaled by sqrt(alpha_bar_t), y is a draw from q(x_t | x_0) for the timestep with sqrt((1 - alpha_bar) /
// alpha_bar) = sigma. sigma is on the scale of x_0, [-1, 1] for images: a standard deviation of 25 grey
// levels of 255 is sigma = 25 / 127.5.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// sqrt((1 - alpha_bar) / alpha_bar) of each timestep: [T] float64, increasing.
at::Tensor noise_levels(const NoiseSchedule& schedule);

// The timestep whose noise level is nearest to sigma by ratio. Throws Error naming --sigma unless it is above
// 0 and at most the last timestep's level.
int64_t nearest_timestep(const NoiseSchedule& schedule, double sigma);

// The time at which a process has noise sigma: for a chain the nearest timestep, in continuous time at least
// the first time. Throws Error naming --sigma like nearest_timestep().
double time_of_noise(const Process& process, double sigma);

// The network's E[x_0 | y], in one shot: y [B, ...] -> [B, ...]. Between two timesteps (or below the first,
// where y itself stands for one without noise) their answers are interpolated linearly in sigma^2, so that
// sigma need not be on the schedule; in continuous time each sigma has its time. For Gaussian data this is the
// Wiener filter.
at::Tensor denoise_at_once(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                           const at::Tensor& y, double sigma, bool clip_x0);

// The standard deviation of white noise in an image [C, H, W] of at least 2 x 2 pixels: the median magnitude
// of the finest diagonal Haar coefficients over 0.6745 [Donoho94]. Squares with a pixel at -1 or 1, where
// noise was clipped, are skipped if enough others exist.
double estimate_sigma(const at::Tensor& image);

}  // namespace diffuse
