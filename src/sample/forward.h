// The forward process as a film: from data to noise.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "diffuse/core/random_tensor.h"
#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

enum class ForwardMode {
  kChain,       // step by step, each with its own noise: q(x_t | x_{t-1}), as in the post's video
  kClosedForm,  // directly from x_0, with one epsilon per item for all t: q(x_t | x_0), eq. 5
};

// The number of steps that films consist of: T for a chain; in continuous time 1000 of equal length.
int64_t forward_steps(const GaussianDiffusion& diffusion);

// `frames` numbers of steps, evenly spaced from 0, the data, to T; only T for one frame. All are distinct, so
// at most T + 1.
std::vector<int64_t> forward_moments(int64_t timesteps, int64_t frames);

// x0 [B, ...] on the CPU, one key each -> x after each of `moments` (increasing, 0 .. T) to `on_moment`. Row
// b depends only on x0[b] and keys[b].
void run_forward(const GaussianDiffusion& diffusion, const at::Tensor& x0,
                 std::span<const StreamKey> keys, ForwardMode mode,
                 const std::vector<int64_t>& moments,
                 const std::function<void(int64_t steps, const at::Tensor& x)>& on_moment);

}  // namespace diffuse
