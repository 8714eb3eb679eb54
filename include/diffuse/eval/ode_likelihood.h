// Likelihood by the probability-flow ODE: the exact density of the deterministic sampler ([Song21b]
// sec. 4.3). The variational bound is for the ancestral sampler.
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
  int64_t steps = 200;  // Heun steps; fewer if there are fewer distinct timesteps
  // > 0: dopri5 instead, with this error of a step in x, in root mean square, and in nats per dimension, both
  // relative to 1 + the value.
  double tolerance = 0;
  int64_t probes = 1;  // Rademacher vectors in the estimate of the trace
};

struct OdeLikelihood {
  Estimate bits;  // per dimension, over items: of 8-bit values for 8-bit images, else of a density
  int64_t steps = 0;  // as used; 0 = chosen by the tolerance
  double calls = 0;   // of the network for an item, which waits for the others of its batch: mean
  int64_t items = 0;
};

// The times of the solver, rising from the first to the last with signal: as evenly spaced as possible in log
// sigma, sigma = s / a, for integer timesteps. At most steps + 1 of them.
std::vector<double> ode_times(const Process& process, int64_t steps);

// -log2 p(x) / D, with p the model's density at the smallest noise level, sigma of t = 0. 8-bit images are
// dequantised uniformly over their bins, so the figure is a bound on that of 8-bit values.
OdeLikelihood evaluate_ode(Network& network, const GaussianDiffusion& diffusion,
                           const Dataset& data, const OdeOptions& options);

}  // namespace diffuse
