#include "diffuse/sample/sampler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diffuse/core/random_tensor.h"
#include "diffuse/sample/timesteps.h"

namespace diffuse {
namespace {

DiffusionConfig config_with(const std::string& variance) {
  DiffusionConfig config;
  config.variance = variance;
  return config;
}

// The exact epsilon for data N(0, s2): sqrt(1 - ab) / (ab s2 + 1 - ab) x_t.
Denoiser oracle(const GaussianDiffusion& diffusion, double s2) {
  const at::Tensor ab = diffusion.schedule().alpha_bar();
  const at::Tensor factor = (1 - ab).sqrt() / (ab * s2 + 1 - ab);
  return [factor](const at::Tensor& x, const at::Tensor& t) {
    return x * factor.index_select(0, t).to(x.scalar_type()).view({-1, 1});
  };
}

// The oracle is linear, so the output's variance is exact: the square of the response to x_T, plus
// the sum of the squares of the responses to each step's noise. One batch row probes each.
double output_variance(const std::string& variance, double s2, const SamplerOptions& options) {
  const GaussianDiffusion diffusion(config_with(variance));
  const auto count = static_cast<int64_t>(options.timesteps.size());
  at::Tensor start = at::zeros({count + 1, 1}, at::kDouble);
  start[0] = 1;
  int64_t step = 0;
  const NoiseSource noise = [&](int64_t) {
    at::Tensor z = at::zeros({count + 1, 1}, at::kDouble);
    z[++step] = 1;
    return z;
  };
  const at::Tensor x = run_sampler(diffusion, oracle(diffusion, s2), start, options, noise);
  return x.square().sum().item<double>();
}

SamplerOptions every_step(const std::string& sampler, double eta) {
  return {.sampler = sampler,
          .timesteps = spaced_timesteps(1000, 1000, "leading"),
          .eta = eta,
          .clip_x0 = false};
}

// Closed-form variance recursion of the ancestral sampler on Gaussian data, in float64.
TEST(AncestralSampler, OutputVarianceMatchesTheory) {
  EXPECT_NEAR(output_variance("fixed_large", 0.25, every_step("ddpm", 0)), 0.250752, 1e-6);
  EXPECT_NEAR(output_variance("fixed_small", 0.25, every_step("ddpm", 0)), 0.246125, 1e-6);
  EXPECT_NEAR(output_variance("fixed_large", 1.0, every_step("ddpm", 0)), 0.999900, 1e-6);
  EXPECT_NEAR(output_variance("fixed_small", 1.0, every_step("ddpm", 0)), 0.991067, 1e-6);
}

TEST(Ddim, WithEtaOneAndAllStepsIsTheAncestralSampler) {
  EXPECT_NEAR(output_variance("fixed_small", 0.25, every_step("ddim", 1)),
              output_variance("fixed_small", 0.25, every_step("ddpm", 0)), 1e-12);
}

TEST(Ddim, DeterministicVarianceMatchesTheory) {
  for (const auto& [steps, expected] :
       {std::pair(10, 0.139972), std::pair(50, 0.223199), std::pair(1000, 0.248498)}) {
    const SamplerOptions options{.sampler = "ddim",
                                 .timesteps = spaced_timesteps(1000, steps, "leading"),
                                 .eta = 0,
                                 .clip_x0 = false};
    EXPECT_NEAR(output_variance("fixed_small", 0.25, options), expected, 1e-6) << steps;
  }
}

// The same draws give the same pictures step by step, not only in distribution.
TEST(Ddim, EtaOneEqualsAncestralSampleBySample) {
  const GaussianDiffusion diffusion(config_with("fixed_small"));
  const auto keys = consecutive_keys(3, 0, 4);
  const at::Tensor start = normal_rows(keys, Purpose::kSampleStart, 0, {2}).to(at::kDouble);
  const NoiseSource noise = [&](int64_t t) {
    return normal_rows(keys, Purpose::kSampleStep, static_cast<uint32_t>(t), {2}).to(at::kDouble);
  };
  const auto model = oracle(diffusion, 0.25);
  const at::Tensor a = run_sampler(diffusion, model, start, every_step("ddpm", 0), noise);
  const at::Tensor b = run_sampler(diffusion, model, start, every_step("ddim", 1), noise);
  EXPECT_TRUE(at::allclose(a, b, 1e-9, 1e-12));
}

TEST(Sampler, LastStepAddsNoNoiseAndClippingBoundsTheResult) {
  const GaussianDiffusion diffusion(config_with("fixed_large"));
  const Denoiser wild = [](const at::Tensor& x, const at::Tensor&) { return -9 * x; };
  const SamplerOptions options{.sampler = "ddpm", .timesteps = {500, 0}};
  const at::Tensor x = run_sampler(diffusion, wild, at::ones({1, 3}), options, [](int64_t) {
    return at::full({1, 3}, 100.0f);
  });
  EXPECT_TRUE((x.abs() <= 1).all().item<bool>());
}

TEST(Sampler, NetworkSeesTheOriginalTimestepsInOrder) {
  const GaussianDiffusion diffusion(config_with("fixed_small"));
  std::vector<int64_t> seen;
  const Denoiser spy = [&](const at::Tensor& x, const at::Tensor& t) {
    seen.push_back(t[0].item<int64_t>());
    return at::zeros_like(x);
  };
  int64_t reported = 0;
  run_sampler(
      diffusion, spy, at::ones({2, 3}), {.timesteps = {900, 77, 3}},
      [](int64_t) {
        return at::zeros({2, 3});
      },
      [&](const SampleStep& step) { reported = step.done * 10 + step.count; });
  EXPECT_EQ(seen, (std::vector<int64_t>{900, 77, 3}));
  EXPECT_EQ(reported, 33);
}

}  // namespace
}  // namespace diffuse
