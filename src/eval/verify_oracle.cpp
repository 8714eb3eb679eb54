// The bound and the samplers on data N(0, s²), for which the optimal network is known and linear. Expected
// values: tests/reference/oracle_reference.py.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "diffuse/sample/sampler.h"
#include "diffuse/sample/timesteps.h"
#include "verify_checks.h"

namespace diffuse {

namespace {

// E over x_0 and ε of each row's term, in bits: [T]. A KL is quadratic in (x_0, ε), so the mean over the
// signs of (±s, ±1) is the exact expectation. Row 0, which is not a KL, is not valid.
at::Tensor expected_terms(const Verifier& v, const GaussianDiffusion& diffusion, double variance) {
  const double s = std::sqrt(variance);
  const at::Tensor x0 = at::tensor({s, s, -s, -s}, at::kDouble).expand({1000, 4});
  const at::Tensor eps = at::tensor({1.0, -1.0, 1.0, -1.0}, at::kDouble).expand({1000, 4});
  return diffusion.vb_term(v.oracle(diffusion, variance), x0, at::arange(1000, at::kLong),
                           eps * v.faults().noise, false);
}

void bounds(Verifier& v) {
  const GaussianDiffusion large(v.linear());
  const at::Tensor unit = expected_terms(v, large, 1);
  // Telescopes to the entropy of the first step: ½ log2(1 / (1 − ᾱ_1)) = ½ log2(10^4).
  v.near("oracle_bound",
         unit.slice(0, 1).sum().item<double>() + large.schedule().prior_bits_per_dim(1),
         0.5 * std::log2(1e4), 1e-8);
  const at::Tensor quarter = expected_terms(v, large, 0.25);
  for (const auto& [t, rate] : {std::pair<int64_t, double>{999, 7.27867696e-06},
                                {200, 0.282142765},
                                {10, 3.422604},
                                {1, 5.07745783}})
    v.near("oracle_rate_t" + std::to_string(t),
           large.schedule().prior_bits_per_dim(0.25) + quarter.slice(0, t + 1).sum().item<double>(),
           rate, 5e-9 * rate);
  DiffusionConfig config = v.linear();
  config.variance = VarianceKind::kFixedSmall;
  const GaussianDiffusion small(config);
  v.near("point_data_bound", expected_terms(v, small, 0).slice(0, 1).sum().item<double>(), 0, 1e-9);
}

// Var[x_0] of a sampler that is linear in x_T ~ N(0, 1) and in each step's noise: the sum of its squared
// responses to 1 in each, one per row.
double output_variance(const Verifier& v, const GaussianDiffusion& diffusion, double variance,
                       SamplerOptions options) {
  options.clip_x0 = false;
  const auto count = static_cast<int64_t>(options.timesteps.size());
  at::Tensor x_T = at::zeros({count + 1, 1}, at::kDouble);
  x_T[count] = 1;
  int64_t row = 0;
  const NoiseSource noise = [&](int64_t) {
    at::Tensor z = at::zeros_like(x_T);
    z[row++] = v.faults().noise;
    return z;
  };
  return run_sampler(diffusion, v.oracle(diffusion, variance), x_T, options, noise)
      .square()
      .sum()
      .item<double>();
}

void ancestral(Verifier& v) {
  const auto all = spaced_timesteps(1000, 1000, Spacing::kLeading);
  struct Case {
    const char* name;
    VarianceKind variance;
    double data, expected;
  };
  for (const Case& c : {Case{"ancestral_variance_beta_s2_0.25", VarianceKind::kFixedLarge, 0.25,
                             0.2507520750075314},
                        Case{"ancestral_variance_posterior_s2_0.25", VarianceKind::kFixedSmall,
                             0.25, 0.24612521136044793},
                        Case{"ancestral_variance_beta_s2_1", VarianceKind::kFixedLarge, 1, 0.9999},
                        Case{"ancestral_variance_posterior_s2_1", VarianceKind::kFixedSmall, 1,
                             0.9910673763528224}}) {
    DiffusionConfig config = v.linear();
    config.variance = c.variance;
    const GaussianDiffusion diffusion(config);
    v.near(c.name, output_variance(v, diffusion, c.data, {.timesteps = all}), c.expected, 1e-9);
  }
}

// DDIM with η = 1 at every step is the ancestral sampler with the posterior's variance, for any
// network: the same noise gives the same samples.
void ddim_is_ancestral(Verifier& v) {
  DiffusionConfig config = v.linear();
  config.variance = VarianceKind::kFixedSmall;
  const GaussianDiffusion diffusion(config);
  const Denoiser network = [](const at::Tensor& x, const at::Tensor& t) {
    return (1.5 * x + 0.001 * column(t)).tanh();
  };
  const at::Tensor x_T = v.normal(8, 4, 30);
  for (const bool clip : {false, true}) {
    SamplerOptions options{.timesteps = spaced_timesteps(1000, 1000, Spacing::kLeading),
                           .clip_x0 = clip};
    const auto run = [&](SamplerKind sampler, double eta, double factor) {
      options.sampler = sampler;
      options.eta = eta;
      return run_sampler(diffusion, network, x_T, options, [&](int64_t t) {
        return v.normal(8, 4, 1000 + static_cast<uint64_t>(t)) * factor;
      });
    };
    v.same(clip ? "ddim_eta_1_is_ancestral_clipped" : "ddim_eta_1_is_ancestral",
           run(SamplerKind::kDdim, 1, 1), run(SamplerKind::kDdpm, 0, v.faults().noise), 1e-9);
  }
}

void ddim(Verifier& v) {
  const GaussianDiffusion diffusion(v.linear());
  for (const auto& [steps, expected] : {std::pair<int64_t, double>{10, 0.1399721298663182},
                                        {50, 0.22319871551899875},
                                        {1000, 0.24849754716933067}}) {
    const SamplerOptions options{.sampler = SamplerKind::kDdim,
                                 .timesteps = spaced_timesteps(1000, steps, Spacing::kLeading)};
    v.near("ddim_variance_" + std::to_string(steps) + "_steps",
           output_variance(v, diffusion, 0.25, options), expected, 1e-9);
  }
}

// The probability-flow ODE takes x_T to √((ᾱ_1 s² + 1 − ᾱ_1) / (ᾱ_T s² + 1 − ᾱ_T)) x_T at t = 1, and
// the last step from there to its x_0. Doubling the steps must divide the error of a sampler of order p
// by 2^p.
void orders(Verifier& v) {
  struct OdeSampler {
    SamplerKind kind;
    double order;
  };
  constexpr int64_t kTimesteps = 1025;  // steps of 1024 / n
  constexpr double kVariance = 0.25;
  const GaussianDiffusion diffusion(v.linear(kTimesteps));
  const at::Tensor alpha_bar = diffusion.schedule().alpha_bar();
  const at::Tensor total = alpha_bar * kVariance + 1 - alpha_bar;  // E[x_t²]
  const double exact = (kVariance * (alpha_bar[0] / (total[0] * total[-1])).sqrt()).item<double>();
  for (const OdeSampler& sampler :
       {OdeSampler{SamplerKind::kDdim, 1}, OdeSampler{SamplerKind::kDpmpp2m, 2},
        OdeSampler{SamplerKind::kHeun, 2}}) {
    const auto error = [&](int64_t steps) {
      const SamplerOptions options{
          .sampler = sampler.kind,
          .timesteps = spaced_timesteps(kTimesteps, steps + 1, Spacing::kUniform)};
      return std::abs(std::sqrt(output_variance(v, diffusion, kVariance, options)) - exact);
    };
    v.near(concat("order_of_", sampler.kind), std::log2(error(128) / error(256)), sampler.order,
           0.1);
  }
}

}  // namespace

void verify_oracle(Verifier& verifier) {
  bounds(verifier);
  ancestral(verifier);
  ddim_is_ancestral(verifier);
  ddim(verifier);
  orders(verifier);
}

}  // namespace diffuse
