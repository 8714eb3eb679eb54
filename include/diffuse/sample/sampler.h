// Samplers: from x_T to x_0 along an explicit list of timesteps. Each is a pure function of the
// diffusion, a denoiser, x_T and a source of noise.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// What one reverse step made.
struct SampleStep {
  int64_t done = 0;  // steps taken, 1 .. count
  int64_t count = 0;
  int64_t t = 0;  // the timestep that was left
  at::Tensor x;   // the state after the step
  at::Tensor x0;  // the network's x_0 at that step
};
using StepCallback = std::function<void(const SampleStep&)>;

// N(0, I) shaped like x_t for the step that leaves timestep t.
using NoiseSource = std::function<at::Tensor(int64_t t)>;

struct SamplerOptions {
  std::string sampler = "ddpm";    // ddpm: ancestral [Ho20 alg. 2]; ddim [Song21 eq. 12]
  std::vector<int64_t> timesteps;  // falling, each in 0 .. T-1
  double eta = 0.0;                // ddim: noise as a share of the ancestral sampler's, 0 .. 1
  bool clip_x0 = true;             // clamp each predicted x_0 to [-1, 1]
};

// What a config's sample section asks for, with T = `timesteps`.
SamplerOptions sampler_options(const SampleConfig& config, int64_t timesteps);

// x_T [B, ...] -> x_0 [B, ...]. The network sees the original timesteps; the variances are those of
// the chain that visits only the listed ones. The last step adds no noise.
at::Tensor run_sampler(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                       const at::Tensor& x_T, const SamplerOptions& options,
                       const NoiseSource& noise, const StepCallback& callback = {});

}  // namespace diffuse
