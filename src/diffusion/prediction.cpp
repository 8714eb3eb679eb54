#include "prediction.h"

#include <ATen/ATen.h>

#include "diffuse/core/error.h"
#include "src/diffusion/transition.h"

namespace diffuse {

static Columns epsilon(const Levels& at) {
  return {.p = at::zeros_like(at.a), .q = at::ones_like(at.a)};
}

static Columns clean_sample(const Levels& at) {
  return {.p = at::ones_like(at.a), .q = at::zeros_like(at.a)};
}

// v = a ε − s x_0                                                          [Salimans22] app. D
static Columns velocity(const Levels& at) { return {.p = -at.s, .q = at.a}; }

// μ̃ of the chain's step, c_0 x_0 + c_t (a x_0 + s ε)                                        eq. 3
static Columns posterior_mean(const Process& process, const Levels& at) {
  const Transition step = transition(at, process.before(at.time));
  return {.p = step.coef_x0 + step.coef_xt * at.a, .q = step.coef_xt * at.s};
}

ColumnsAt make_prediction(const DiffusionConfig& config, std::shared_ptr<const Process> process) {
  const std::string& kind = config.prediction;
  if (kind == "epsilon") return epsilon;
  if (kind == "x0") return clean_sample;
  if (kind == "v") return velocity;
  if (kind == "mu") return [process](const Levels& at) { return posterior_mean(*process, at); };
  const std::vector<std::string> kinds{"epsilon", "x0", "v", "mu"};
  throw Error("/diffusion/prediction: \"", kind, "\" is none of ", join(kinds),
              did_you_mean(kind, kinds));
}

}  // namespace diffuse
