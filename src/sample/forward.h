// The forward process as a film: data that turn into noise.
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
  kChain,       // step by step, each with its own noise: q(x_t | x_{t-1}), as the post's video
  kClosedForm,  // at once from x_0, with one epsilon an item for all t: q(x_t | x_0), eq. 5
};

// T of a chain; of continuous time the number of steps, even in it, that its films are made of.
int64_t forward_steps(const GaussianDiffusion& diffusion);

// `frames` counts of steps taken, evenly from 0, the data, to T; T alone for one frame. No count
// comes twice: at most T + 1 of them.
std::vector<int64_t> forward_moments(int64_t timesteps, int64_t frames);

// x0 [B, ...] on the CPU, one key each -> x after each of `moments` (rising, 0 .. T) to `on_moment`.
// Row b depends on x0[b] and keys[b] alone.
void run_forward(const GaussianDiffusion& diffusion, const at::Tensor& x0,
                 std::span<const StreamKey> keys, ForwardMode mode,
                 const std::vector<int64_t>& moments,
                 const std::function<void(int64_t steps, const at::Tensor& x)>& on_moment);

}  // namespace diffuse
