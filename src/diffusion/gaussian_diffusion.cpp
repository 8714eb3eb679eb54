#include "diffuse/diffusion/gaussian_diffusion.h"

#include <ATen/ATen.h>

#include <cmath>

#include "broadcast.h"
#include "diffuse/core/error.h"
#include "prediction.h"
#include "reverse_variance.h"
#include "src/diffusion/transition.h"

namespace diffuse {

GaussianDiffusion::GaussianDiffusion(const DiffusionConfig& config, SampleKind kind)
    : process_(make_process(config)),
      columns_(make_prediction(config, process_)),
      variance_(std::make_shared<ReverseVariance>(config.variance)),
      predicts_eps_(config.prediction == PredictionKind::kEpsilon),
      loss_(config.loss),
      hybrid_lambda_(config.hybrid_lambda),
      min_snr_gamma_(config.min_snr_gamma),
      sigma_data_(config.sigma_data),
      scales_input_(process_->unbounded() || config.prediction == PredictionKind::kEdm),
      kind_(kind) {}

const NoiseSchedule& GaussianDiffusion::schedule() const {
  if (process_->schedule() == nullptr)
    throw Error("/diffusion/process: this needs a chain's timesteps, but time is continuous; ",
                "use a model with the process ddpm");
  return *process_->schedule();
}

bool GaussianDiffusion::learns_variance() const { return variance_->learned(); }

// 1 / √(a² σ_d² + s²), or 1                                                         [Karras22] Table 1
at::Tensor GaussianDiffusion::c_in(const Levels& at) const {
  return scales_input_ ? input_scale(at, sigma_data_) : at::ones_like(at.a);
}

GaussianDiffusion::NetworkInput GaussianDiffusion::input(const at::Tensor& x_t,
                                                         const at::Tensor& t) const {
  const at::Tensor x = scales_input_ ? along(c_in(process_->levels(t)), x_t) * x_t : x_t;
  return {.x = x, .time = process_->told(t)};
}

GaussianDiffusion::NetworkView GaussianDiffusion::view(const at::Tensor& told) const {
  const Levels at = process_->levels(process_->time_told(told));
  const auto [p, q] = columns_(at);
  return {.at = at, .p = p, .q = q, .c_in = c_in(at)};
}

Denoiser preconditioned(const GaussianDiffusion& diffusion, Denoiser network) {
  return [&diffusion, network = std::move(network)](const at::Tensor& x_t, const at::Tensor& t) {
    const auto [x, time] = diffusion.input(x_t, t);
    return network(x, time);
  };
}

// x_t = a x_0 + s ε                                                                          eq. 5
at::Tensor GaussianDiffusion::q_sample(const at::Tensor& x0, const at::Tensor& t,
                                       const at::Tensor& eps) const {
  return q_sample(x0, process_->levels(t), eps);
}

at::Tensor GaussianDiffusion::q_sample(const at::Tensor& x0, const Levels& at,
                                       const at::Tensor& eps) const {
  return along(at.a, x0) * x0 + along(at.s, x0) * eps;
}

// x_t = (a / a') x_{t'} + √(s² − (a / a')² s'²) ε
at::Tensor GaussianDiffusion::q_step(const at::Tensor& x, const Level& from, const Level& to,
                                     const at::Tensor& eps) const {
  const double kept = to.a / from.a, left = kept * from.s;
  return x * kept + eps * std::sqrt(to.s * to.s - left * left);
}

// N(μ̃, β̃ I)                                                                                 eq. 3
static Gaussian posterior_of(const Transition& step, double first, const at::Tensor& x0,
                             const at::Tensor& x_t) {
  const at::Tensor log_variance = at::where(step.variance > 0, step.variance.log(), first);
  return {.mean = along(step.coef_x0, x_t) * x0 + along(step.coef_xt, x_t) * x_t,
          .variance = along(step.variance, x_t),
          .log_variance = along(log_variance, x_t)};
}

Gaussian GaussianDiffusion::posterior(const at::Tensor& x0, const at::Tensor& x_t,
                                      const at::Tensor& t) const {
  return posterior(x0, x_t, process_->levels(t), process_->before(t));
}

Gaussian GaussianDiffusion::posterior(const at::Tensor& x0, const at::Tensor& x_t,
                                      const Levels& from, const Levels& to) const {
  return posterior_of(transition(from, to), process_->first_log_variance(), x0, x_t);
}

// The network's output as (prediction, variance channels); the second is undefined if σ² is fixed.
std::pair<at::Tensor, at::Tensor> GaussianDiffusion::split(const at::Tensor& output,
                                                           const at::Tensor& x_t) const {
  const int64_t channels = x_t.size(1);
  TORCH_CHECK(output.size(1) == (learns_variance() ? 2 * channels : channels), "network output ",
              output.sizes(), " does not fit x_t ", x_t.sizes(),
              learns_variance() ? " with a learned variance" : "");
  if (!learns_variance()) return {output, at::Tensor()};
  return {output.narrow(1, 0, channels), output.narrow(1, channels, channels)};
}

// ε = (x_t − a x_0) / s
void GaussianDiffusion::replace_x0(Denoised& d, const at::Tensor& x0, const at::Tensor& x_t,
                                   const Levels& at) const {
  d.x0 = x0;
  d.eps = (x_t - along(at.a, x_t) * x0) / along(at.s, x_t);
}

GaussianDiffusion::Denoised GaussianDiffusion::denoised(const at::Tensor& output,
                                                        const at::Tensor& x_t, const at::Tensor& t,
                                                        bool clip_x0) const {
  return denoised(output, x_t, process_->levels(t), clip_x0);
}

// x_0 = (q x_t − s y) / d and ε = (a y − p x_t) / d with d = q a − s p; of epsilon            eq. 6
GaussianDiffusion::Denoised GaussianDiffusion::denoised(const at::Tensor& output,
                                                        const at::Tensor& x_t, const Levels& at,
                                                        bool clip_x0) const {
  const auto [p, q] = columns_(at);
  const auto [y, raw_variance] = split(output, x_t);
  const at::Tensor d = along(q * at.a - at.s * p, x_t);
  const at::Tensor x0 = (along(q, x_t) * x_t - along(at.s, x_t) * y) / d;
  Denoised result{.x0 = x0, .eps = {}, .raw_variance = raw_variance};
  if (clip_x0)
    replace_x0(result, x0.clamp(-1, 1), x_t, at);
  else
    result.eps = predicts_eps_ ? y : (along(at.a, x_t) * y - along(p, x_t) * x_t) / d;
  return result;
}

// μ_θ is μ̃ of the network's x_0                                                          eq. 3, 8
Gaussian GaussianDiffusion::reverse(const Denoised& d, const at::Tensor& x_t, const Levels& from,
                                    const Levels& to) const {
  const Transition step = transition(from, to);
  const double first = process_->first_log_variance();
  Gaussian result = posterior_of(step, first, d.x0, x_t);
  variance_->fill(result, step, first, d.raw_variance, x_t);
  return result;
}

GaussianDiffusion::Prediction GaussianDiffusion::predict(const at::Tensor& output,
                                                         const at::Tensor& x_t, const at::Tensor& t,
                                                         bool clip_x0) const {
  Prediction p{denoised(output, x_t, t, clip_x0), {}};
  static_cast<Gaussian&>(p) = reverse(p, x_t, process_->levels(t), process_->before(t));
  return p;
}

}  // namespace diffuse
