#include "diffuse/sample/sampler.h"

#include <ATen/ATen.h>

#include <cmath>

#include "diffuse/sample/timesteps.h"

namespace diffuse {

namespace {

// The chain over the listed timesteps: row i of `diffusion` is timestep `timesteps[S - 1 - i]`.
struct Chain {
  const GaussianDiffusion& diffusion;
  const SamplerOptions& options;
  const NoiseSource& noise;
};

using Step = at::Tensor (*)(const Chain&, const GaussianDiffusion::Prediction&, int64_t row,
                            int64_t t);

}  // namespace

// x_{t-1} = mu_theta + sigma_t z                                              [Ho20] Algorithm 2
static at::Tensor ddpm_step(const Chain& chain, const GaussianDiffusion::Prediction& p, int64_t row,
                            int64_t t) {
  if (row == 0) return p.mean;
  return p.mean + p.variance.sqrt() * chain.noise(t);
}

// x_{t-1} = sqrt(ab') x_0 + sqrt(1 - ab' - sigma^2) eps + sigma z             [Song21] eq. 12
// sigma   = eta sqrt((1 - ab') / (1 - ab)) sqrt(1 - ab / ab'), ab' = alpha_bar of the next in the list
static at::Tensor ddim_step(const Chain& chain, const GaussianDiffusion::Prediction& p, int64_t row,
                            int64_t t) {
  const NoiseSchedule& schedule = chain.diffusion.schedule();
  const double alpha_bar = schedule.alpha_bar()[row].item<double>();
  const double previous = row == 0 ? 1.0 : schedule.alpha_bar()[row - 1].item<double>();
  const double sigma = chain.options.eta * std::sqrt((1 - previous) / (1 - alpha_bar)) *
                       std::sqrt(1 - alpha_bar / previous);
  const at::Tensor mean =
      p.x0 * std::sqrt(previous) + p.eps * std::sqrt(1 - previous - sigma * sigma);
  return sigma == 0 ? mean : mean + chain.noise(t) * sigma;
}

SamplerOptions sampler_options(const SampleConfig& config, int64_t timesteps) {
  const int64_t steps = config.steps == 0 ? timesteps : config.steps;
  return {.sampler = config.sampler,
          .timesteps = spaced_timesteps(timesteps, steps, config.spacing),
          .eta = config.eta,
          .clip_x0 = config.clip_x0};
}

at::Tensor run_sampler(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                       const at::Tensor& x_T, const SamplerOptions& options,
                       const NoiseSource& noise, const StepCallback& callback) {
  const GaussianDiffusion respaced = diffusion.respaced(options.timesteps);
  const Chain chain{respaced, options, noise};
  const Step step = options.sampler == "ddim" ? ddim_step : ddpm_step;
  const auto count = static_cast<int64_t>(options.timesteps.size());
  at::Tensor x = x_T;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = count - 1 - i;
    const int64_t t = options.timesteps[i];
    const auto filled = [&](int64_t value) {
      return at::full({x.size(0)}, value, x.options().dtype(at::kLong));
    };
    const auto p = respaced.predict(denoiser(x, filled(t)), x, filled(row), options.clip_x0);
    x = step(chain, p, row, t);
    if (callback) callback({i + 1, count, t, x, p.x0});
  }
  return x;
}

}  // namespace diffuse
