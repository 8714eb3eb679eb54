// Inpainting: filling in a part of an image with an unconditional model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/sample/sampler.h"

namespace diffuse {

struct InpaintOptions {
  SamplerOptions sampler;
  int64_t jump = 1;    // RePaint's jump_length, in steps of the list
  int64_t passes = 1;  // RePaint's jump_n_sample; 1 = only replacement
};

// The noise levels that RePaint visits, from `steps` (x_T) to 0 (x_0), one up or down at a time: from
// levels 1, 1 + jump, 1 + 2 jump, ... it goes back up by `jump`, until it has reached each `passes`
// times. 4 steps, jump 2, passes 2: 4 3 2 1 2 3 2 1 0.                         [Lugmayr22] alg. 1
std::vector<int64_t> repaint_levels(int64_t steps, int64_t jump, int64_t passes);

// N(0, I) shaped like x for move 1, 2, ...: for the sampler and q(x_t | x_{t-1}), and for q(x_t | x_0) of the
// known part, whose move 0 is the start.
struct InpaintNoise {
  NoiseSource step, known;
};

// x_T, known x_0 [B, ...]; mask broadcasts to them: 1 = painted, 0 = known, fractions are painted and then
// mixed with `known`. -> x_0, equal to `known` bit for bit where mask is 0.
//
// After each step the known part is replaced by a new draw from q(x_t | x_0), so that the network gets a
// whole image at one noise level [Song21b] sec. 4; with passes > 1 the walk goes back and forth, which
// harmonises the painted part with the known one [Lugmayr22].
at::Tensor inpaint(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                   const at::Tensor& x_T, const at::Tensor& known, const at::Tensor& mask,
                   const InpaintOptions& options, const InpaintNoise& noise,
                   const StepCallback& callback = {});

// A mask [..., H, W] that rises to 1 over `radius` pixels inwards from the edge of its painted area; zeros
// stay 0.
at::Tensor feather(const at::Tensor& mask, int64_t radius);

}  // namespace diffuse
