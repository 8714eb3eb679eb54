// Filling in a part of an image with an unconditional model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/sample/sampler.h"

namespace diffuse {

struct InpaintOptions {
  SamplerOptions sampler;
  int64_t jump = 1;    // steps of its list by which RePaint goes back towards noise
  int64_t passes = 1;  // times each stretch is denoised; 1 = replacement alone
};

// The noise levels that RePaint visits, from `steps` (x_T) to 0 (x_0), one up or down at a time: from
// levels 1, 1 + jump, 1 + 2 jump, ... it goes back up by `jump`, until it has come down to each
// `passes` times. 4 steps, jump 2, passes 2: 4 3 2 1 2 3 2 1 0.                 [Lugmayr22] alg. 1
std::vector<int64_t> repaint_levels(int64_t steps, int64_t jump, int64_t passes);

// N(0, I) shaped like x for move number 1, 2, ... of the walk: of the sampler and q(x_t | x_{t-1}), and
// of q(x_t | x_0) for the known part, where 0 is the start's.
struct InpaintNoise {
  NoiseSource step, known;
};

// x_T, known x_0 [B, ...]; mask broadcasts to them: 1 = to be painted, 0 = known, fractions are
// painted and then mixed with what was there. -> x_0, equal to `known` bit for bit where mask is 0.
//
// After each step the known part is replaced by a fresh draw from q(x_t | x_0), so that
// the network sees a whole image at one noise level [Song21b] sec. 4; with passes > 1 the walk goes
// back and forth, so that the painted part comes to agree with the known one [Lugmayr22].
at::Tensor inpaint(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                   const at::Tensor& x_T, const at::Tensor& known, const at::Tensor& mask,
                   const InpaintOptions& options, const InpaintNoise& noise,
                   const StepCallback& callback = {});

// A mask [..., H, W] that rises to 1 over `radius` pixels from the edge of its painted area inwards;
// what was 0 stays 0.
at::Tensor feather(const at::Tensor& mask, int64_t radius);

}  // namespace diffuse
