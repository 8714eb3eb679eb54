#include "src/eval/verify.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "diffuse/core/random.h"
#include "src/diffusion/loss_weight.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"
#include "verify_checks.h"

namespace diffuse {

void Verifier::near(const std::string& name, double value, double expected, double tolerance) {
  checks_.push_back({name, value, expected, tolerance, std::abs(value - expected) <= tolerance});
}

void Verifier::same(const std::string& name, const at::Tensor& value, const at::Tensor& expected,
                    double tolerance) {
  const at::Tensor difference = (value - expected).abs() / expected.abs().clamp_min(1);
  near(name, difference.max().item<double>(), 0, tolerance);
}

at::Tensor Verifier::normal(int64_t rows, int64_t dims, uint64_t index) const {
  at::Tensor values = at::empty({rows, dims}, at::kFloat);
  RandomStream(options_.seed, Purpose::kEvaluation, index)
      .fill_normal({values.mutable_data_ptr<float>(), static_cast<size_t>(values.numel())});
  return values.to(at::kDouble);
}

DiffusionConfig Verifier::linear(int64_t timesteps, double beta_start, double beta_end) const {
  DiffusionConfig config;
  config.timesteps = timesteps;
  config.beta_start = beta_start * faults().beta;
  config.beta_end = beta_end * faults().beta;
  return config;
}

Gaussian Verifier::posterior(const GaussianDiffusion& diffusion, const at::Tensor& x0,
                             const at::Tensor& x_t, const at::Tensor& t) const {
  Gaussian q = diffusion.posterior(x0, x_t, t);
  q.mean = q.mean +
           (faults().coef_x0 - 1) * column(diffusion.schedule().coef_x0().index_select(0, t)) * x0;
  q.variance = q.variance * faults().posterior_variance;
  q.log_variance = q.log_variance + std::log(faults().posterior_variance);
  return q;
}

at::Tensor Verifier::bound_weight(const NoiseSchedule& schedule, const at::Tensor& variance) const {
  return diffuse::bound_weight(schedule, variance) * faults().weight;
}

Denoiser Verifier::oracle(const GaussianDiffusion& diffusion, double variance) const {
  auto network = std::make_shared<GaussianOracle>(variance, oracle_view(diffusion));
  return [network, factor = faults().denoiser](const at::Tensor& x_t, const at::Tensor& t) {
    return network->forward(x_t, t, {}) * factor;
  };
}

std::vector<VerifyCheck> verify(const VerifyOptions& options) {
  Verifier verifier(options);
  if (verifier.wants("references")) verify_references(verifier);
  verify_identities(verifier);
  if (verifier.wants("oracle")) verify_oracle(verifier);
  verify_continuous(verifier);
  return verifier.take();
}

}  // namespace diffuse
