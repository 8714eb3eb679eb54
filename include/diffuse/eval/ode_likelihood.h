// Likelihood by the probability-flow ODE: the exact density of the deterministic sampler
// ([Song21b] sec. 4.3), where the bound is one of the ancestral sampler.
#pragma once

#include <cstdint>
#include <vector>

#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/eval/evaluation.h"
#include "diffuse/model/network.h"

namespace diffuse {

struct OdeOptions {
  EvaluationOptions evaluation;
  int64_t steps = 200;  // Heun steps; fewer where so many distinct timesteps cannot be had
  int64_t probes = 1;   // Rademacher vectors in the estimate of the trace
};

struct OdeLikelihood {
  Estimate
      bits;  // per dimension, over items: of 8-bit values for images of them, else of a density
  int64_t steps = 0;  // taken
  int64_t items = 0;
};

// The times of the solver, rising from the first to the last with signal left: as even in log sigma,
// sigma = s / a, as a chain's whole timesteps allow. At most steps + 1 of them.
std::vector<double> ode_times(const Process& process, int64_t steps);

// -log2 p(x) / D where p is the model's density at the smallest noise, sigma of t = 0. Images of 8-bit values are
// dequantised uniformly over their bins, which makes the figure a bound on that of 8-bit values.
OdeLikelihood evaluate_ode(Network& network, const GaussianDiffusion& diffusion,
                           const Dataset& data, const OdeOptions& options);

}  // namespace diffuse
