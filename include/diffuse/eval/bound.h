// The post's variational bound on data, term by term, and the rate-distortion curve of its progressive
// code ([Ho20] sec. 4.3).
#pragma once

#include <cstdint>
#include <vector>

#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/eval/evaluation.h"
#include "diffuse/model/network.h"

namespace diffuse {

struct BoundOptions {
  EvaluationOptions evaluation;
  bool clip_x0 = true;             // clamp each predicted x_0 to [-1, 1], as [Ho20] does for images
  int64_t timesteps_per_item = 0;  // how many of the T - 1 terms L_{t-1}; 0 = all
};

// Timestep t (a table row: the post's t minus one), in bits per dimension. In continuous time row t of 1000
// evenly spaced times.
struct BoundRow {
  int64_t t = 0;
  int64_t items = 0;  // measured at t
  Estimate term;      // the KL of L_{t-1} in closed form; L_0 at t = 0
  Estimate
      monte_carlo;      // the same KL from one sample of x_{t-1} per item; at t = 0 the term itself
  Estimate rate;        // bits to transmit x_t: L_T and the terms above t
  Estimate distortion;  // |x_0 - x_0(x_t)|^2 per dimension, in the units of the data
};

// Estimates over items; total = prior + diffusion + reconstruction.
struct Bound {
  Estimate total, prior, diffusion, reconstruction;
  Estimate monte_carlo;        // diffusion, from samples instead of the closed form
  std::vector<BoundRow> rows;  // rising t; those measured for at least one item
  int64_t items = 0;
};

// One sample of x_t for each item and timestep; L_0 is for the data in the data's units. For points L_0 is a
// log density (see bound_term), so bits may be negative. Fewer timesteps increase the variance without bias:
// one t is drawn from each of `timesteps_per_item` parts of 1 .. T - 1, weighted by the part's length.
Bound evaluate_bound(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                     const BoundOptions& options);

}  // namespace diffuse
