#include "prediction.h"

#include <ATen/ATen.h>

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

// v = ε − x_0                                                                       [Liu23] eq. 1
static Columns flow(const Levels& at) {
  return {.p = -at::ones_like(at.a), .q = at::ones_like(at.a)};
}

// ∇ log q(x_t | x_0) = −ε / s                                                       [Song21b] eq. 7
static Columns score(const Levels& at) { return {.p = at::zeros_like(at.a), .q = -1 / at.s}; }

at::Tensor input_scale(const Levels& at, double sigma_data) {
  return (at.a.square() * (sigma_data * sigma_data) + at.s.square()).rsqrt();
}

// c_skip = a σ_d² / (a² σ_d² + s²), c_out = s σ_d / √(a² σ_d² + s²)                 [Karras22] Table 1
static Columns edm(const Levels& at, double sigma_data) {
  const at::Tensor in = input_scale(at, sigma_data);
  const at::Tensor skip = at.a * (sigma_data * sigma_data) * in.square();
  const at::Tensor out = at.s * sigma_data * in;
  return {.p = (1 - skip * at.a) / out, .q = -skip * at.s / out};
}

ColumnsAt make_prediction(const DiffusionConfig& config, std::shared_ptr<const Process> process) {
  switch (config.prediction) {
    case PredictionKind::kEpsilon:
      return epsilon;
    case PredictionKind::kX0:
      return clean_sample;
    case PredictionKind::kV:
      return velocity;
    case PredictionKind::kMu:
      return [process](const Levels& at) { return posterior_mean(*process, at); };
    case PredictionKind::kFlow:
      return flow;
    case PredictionKind::kEdm:
      return [sigma_data = config.sigma_data](const Levels& at) { return edm(at, sigma_data); };
    case PredictionKind::kScore:
      return score;
  }
  return {};
}

}  // namespace diffuse
