// The error of the predicted epsilon, comparable between formulations.
#pragma once

#include <string>

#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/eval/evaluation.h"
#include "diffuse/model/network.h"
#include "src/eval/eval_report.h"

namespace diffuse {

// The mean over items of the squared error of epsilon per dimension, at the noise levels s / a of Ho et al.'s chain
// (linear, T = 1000) for t uniform, whatever the model's own process; levels beyond its range count at its ends.
// [Ho20] eq. 14
Estimate epsilon_error(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                       const EvaluationOptions& options);

void add_epsilon_error(const Estimate& error, EvalReport& report);

}  // namespace diffuse
