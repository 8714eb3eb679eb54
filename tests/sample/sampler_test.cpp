#include "diffuse/sample/sampler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diffuse/core/error.h"
#include "diffuse/core/random_tensor.h"
#include "diffuse/sample/timesteps.h"
#include "tests/oracle.h"

namespace diffuse {
namespace {

DiffusionConfig config_with(VarianceKind variance) {
  DiffusionConfig config;
  config.variance = variance;
  return config;
}

// The oracle is linear, so the output's variance is exact: the square of the response to x_T, plus
// the sum of the squares of the responses to each step's noise. One batch row probes each.
double output_variance(VarianceKind variance, double s2, const SamplerOptions& options) {
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

SamplerOptions every_step(SamplerKind sampler, double eta) {
  return {.sampler = sampler,
          .timesteps = spaced_timesteps(1000, 1000, Spacing::kLeading),
          .eta = eta,
          .clip_x0 = false};
}

// Closed-form variance recursion of the ancestral sampler on Gaussian data, in float64.
TEST(AncestralSampler, OutputVarianceMatchesTheory) {
  EXPECT_NEAR(output_variance(VarianceKind::kFixedLarge, 0.25, every_step(SamplerKind::kDdpm, 0)),
              0.250752, 1e-6);
  EXPECT_NEAR(output_variance(VarianceKind::kFixedSmall, 0.25, every_step(SamplerKind::kDdpm, 0)),
              0.246125, 1e-6);
  EXPECT_NEAR(output_variance(VarianceKind::kFixedLarge, 1.0, every_step(SamplerKind::kDdpm, 0)),
              0.999900, 1e-6);
  EXPECT_NEAR(output_variance(VarianceKind::kFixedSmall, 1.0, every_step(SamplerKind::kDdpm, 0)),
              0.991067, 1e-6);
}

// What a network outputs that knows x_0.
Denoiser knows(const GaussianDiffusion& diffusion, PredictionKind prediction,
               const at::Tensor& x0) {
  return [&diffusion, prediction, x0](const at::Tensor& x, const at::Tensor& t) {
    const double ab = diffusion.schedule().alpha_bar()[t[0].item<int64_t>()].item<double>();
    const at::Tensor eps = (x - std::sqrt(ab) * x0) / std::sqrt(1 - ab);
    if (prediction == PredictionKind::kX0) return x0;
    if (prediction == PredictionKind::kV) return std::sqrt(ab) * eps - std::sqrt(1 - ab) * x0;
    return prediction == PredictionKind::kMu ? diffusion.posterior(x0, x, t).mean : eps;
  };
}

TEST(Ddim, WithEtaOneAndAllStepsIsTheAncestralSampler) {
  EXPECT_NEAR(output_variance(VarianceKind::kFixedSmall, 0.25, every_step(SamplerKind::kDdim, 1)),
              output_variance(VarianceKind::kFixedSmall, 0.25, every_step(SamplerKind::kDdpm, 0)),
              1e-12);
}

TEST(Ddim, DeterministicVarianceMatchesTheory) {
  for (const auto& [steps, expected] :
       {std::pair(10, 0.139972), std::pair(50, 0.223199), std::pair(1000, 0.248498)}) {
    const SamplerOptions options{.sampler = SamplerKind::kDdim,
                                 .timesteps = spaced_timesteps(1000, steps, Spacing::kLeading),
                                 .eta = 0,
                                 .clip_x0 = false};
    EXPECT_NEAR(output_variance(VarianceKind::kFixedSmall, 0.25, options), expected, 1e-6) << steps;
  }
}

// The same draws give the same pictures step by step, not only in distribution.
TEST(Ddim, EtaOneEqualsAncestralSampleBySample) {
  const GaussianDiffusion diffusion(config_with(VarianceKind::kFixedSmall));
  const auto keys = consecutive_keys(3, 0, 4);
  const at::Tensor start = normal_rows(keys, Purpose::kSampleStart, 0, {2}).to(at::kDouble);
  const NoiseSource noise = [&](int64_t t) {
    return normal_rows(keys, Purpose::kSampleStep, static_cast<uint32_t>(t), {2}).to(at::kDouble);
  };
  const auto model = oracle(diffusion, 0.25);
  const at::Tensor a =
      run_sampler(diffusion, model, start, every_step(SamplerKind::kDdpm, 0), noise);
  const at::Tensor b =
      run_sampler(diffusion, model, start, every_step(SamplerKind::kDdim, 1), noise);
  EXPECT_TRUE(at::allclose(a, b, 1e-9, 1e-12));
}

// Data N(0, s2) after the flow: x_T to the first timestep exactly, then that timestep's x_0.
double exact_output(const NoiseSchedule& schedule, double s2) {
  const at::Tensor ab = schedule.alpha_bar();
  const double first = ab[0].item<double>(), last = ab[-1].item<double>();
  const double scale = std::sqrt((first * s2 + 1 - first) / (last * s2 + 1 - last));
  return scale * std::sqrt(first) * s2 / (first * s2 + 1 - first);
}

// How often twice the steps halve the error, at steps that divide T - 1.
double order_of(SamplerKind sampler) {
  DiffusionConfig config;
  config.timesteps = 1025;
  const GaussianDiffusion diffusion(config);
  const auto error = [&](int64_t steps) {
    const SamplerOptions options{.sampler = sampler,
                                 .timesteps = spaced_timesteps(1025, steps + 1, Spacing::kUniform),
                                 .clip_x0 = false};
    const at::Tensor x =
        run_sampler(diffusion, oracle(diffusion, 0.25), at::ones({1, 1}, at::kDouble), options, {});
    return std::abs(x.item<double>() - exact_output(diffusion.schedule(), 0.25));
  };
  return std::log2(error(128) / error(256));
}

TEST(Sampler, ConvergesWithTheOrderOfItsMethod) {
  EXPECT_NEAR(order_of(SamplerKind::kDdim), 1, 0.05);
  EXPECT_NEAR(order_of(SamplerKind::kHeun), 2, 0.05);
  EXPECT_NEAR(order_of(SamplerKind::kDpmpp2m), 2, 0.1);
}

// The exact flow ends with variance 0.250008 [calc]; the step from the first timestep to x_0, which
// every sampler ends with, takes s2 / (s2 + sigma_0^2) of it, sigma_0^2 = 1e-4 / 0.9999.
TEST(Sampler, OfSecondOrderReachTheExactFlowsVariance) {
  const double expected = 0.250008 * 0.25 / (0.25 + 1e-4 / 0.9999);
  for (const SamplerKind sampler : {SamplerKind::kHeun, SamplerKind::kDpmpp2m})
    EXPECT_NEAR(output_variance(VarianceKind::kFixedSmall, 0.25, every_step(sampler, 0)), expected,
                1e-4)
        << sampler;
  EXPECT_NEAR(output_variance(VarianceKind::kFixedSmall, 0.25, every_step(SamplerKind::kHeun, 0)),
              expected, 5e-6);
}

// Lu et al. 2022, appendix D: the first-order stochastic solver is the ancestral sampler with the
// posterior's variance. Two steps are of first order: the first has no last one, the second ends.
TEST(DpmSolver, OfTwoStepsIsDdim) {
  const auto run = [](SamplerKind sampler, double eta) {
    return output_variance(
        VarianceKind::kFixedSmall, 0.25,
        {.sampler = sampler, .timesteps = {999, 300}, .eta = eta, .clip_x0 = false});
  };
  EXPECT_NEAR(run(SamplerKind::kDpmpp2m, 0), run(SamplerKind::kDdim, 0), 1e-12);
  EXPECT_NEAR(run(SamplerKind::kDpmpp2mSde, 0), run(SamplerKind::kDdim, 1), 1e-12);
  EXPECT_GT(std::abs(run(SamplerKind::kDpmpp2m, 0) - run(SamplerKind::kDpmpp2mSde, 0)), 1e-5);
}

TEST(DpmSolver, StochasticKeepsTheVarianceOfTheData) {
  EXPECT_NEAR(
      output_variance(VarianceKind::kFixedSmall, 0.25, every_step(SamplerKind::kDpmpp2mSde, 0)),
      0.25, 5e-4);
}

// x_0 is known exactly whatever x_t is: every sampler must end there, from a schedule that ends
// without signal too, in any number of steps and for every prediction.
TEST(Sampler, EndsAtAKnownX0WithAndWithoutTerminalSignal) {
  const at::Tensor x0 = at::tensor({0.5, -0.25}, at::kDouble).view({1, 2});
  for (const PredictionKind prediction :
       {PredictionKind::kX0, PredictionKind::kV, PredictionKind::kMu, PredictionKind::kEpsilon})
    for (const ScheduleKind schedule : {ScheduleKind::kLinear, ScheduleKind::kJsd}) {
      DiffusionConfig config = config_with(VarianceKind::kFixedSmall);
      config.timesteps = 12;
      config.beta_end = 0.5;
      config.schedule = schedule;
      config.prediction = prediction;
      config.loss = LossKind::kMse;
      const bool zero_snr = config.schedule == ScheduleKind::kJsd;
      if (zero_snr && config.prediction == PredictionKind::kEpsilon) continue;
      const GaussianDiffusion diffusion(config);
      for (const auto& entry : Words<SamplerKind>::list)
        for (const int64_t steps : {1, 2, 3, 5, 12})
          for (const Spacing spacing : {Spacing::kTrailing, Spacing::kUniform, Spacing::kKarras})
            EXPECT_TRUE(at::allclose(
                run_sampler(diffusion, knows(diffusion, config.prediction, x0),
                            at::full({1, 2}, 0.7, at::kDouble),
                            {.sampler = entry.value,
                             .timesteps = spaced_timesteps(diffusion.process(), steps, spacing)},
                            [](int64_t) {
                              return at::ones({1, 2}, at::kDouble);
                            }),
                x0, 1e-9, 1e-9))
                << prediction << schedule << entry.text << steps << spacing;
    }
}

// The q-quantile of |x_0| among 1, 2, ..., 5 at q = 0.75 is 4: beyond it is clamped, the rest scaled.
TEST(Sampler, DynamicThresholdRescalesIntoTheRange) {
  DiffusionConfig config;
  config.prediction = PredictionKind::kX0;
  const Denoiser five = [](const at::Tensor&, const at::Tensor&) {
    return at::tensor({1.0, -2.0, 3.0, -4.0, 5.0, 0.1, 0.2, -0.3, 0.4, 0.1}, at::kDouble)
        .view({2, 5});
  };
  const at::Tensor x = run_sampler(
      GaussianDiffusion(config), five, at::zeros({2, 5}, at::kDouble),
      {.sampler = SamplerKind::kDdim, .timesteps = {500}, .dynamic_threshold = 0.75}, {});
  EXPECT_TRUE(at::allclose(x, at::tensor({0.25, -0.5, 0.75, -1.0, 1.0,  //
                                          0.1, 0.2, -0.3, 0.4, 0.1},
                                         at::kDouble)
                                  .view({2, 5})));
}

TEST(Sampler, RefusesAVarianceOfSingleStepsInFewer) {
  DiffusionConfig diffusion = config_with(VarianceKind::kLearned);
  EXPECT_NO_THROW(sampler_options({}, diffusion));
  EXPECT_THROW(sampler_options({.steps = 50}, diffusion), Error);
  EXPECT_NO_THROW(sampler_options({.sampler = SamplerKind::kDdim, .steps = 50}, diffusion));
  EXPECT_NO_THROW(sampler_options({.steps = 50}, config_with(VarianceKind::kLearnedRange)));
}

TEST(Sampler, RefusesEpsilonWhereNoSignalIsLeft) {
  DiffusionConfig diffusion;
  diffusion.rescale_zero_terminal_snr = true;
  EXPECT_THROW(sampler_options({}, diffusion), Error);
  EXPECT_THROW(
      sampler_options({.sampler = SamplerKind::kDdim, .steps = 10, .spacing = Spacing::kTrailing},
                      diffusion),
      Error);
  EXPECT_NO_THROW(sampler_options({.sampler = SamplerKind::kDdim, .steps = 10}, diffusion));
}

// alpha_bar 0.5 and 0.5 * 0.36; the network says 1 at x = 2. By hand from DDIMScheduler.step of
// diffusers: x_0 = (2 - sqrt(0.82)) / sqrt(0.18) = 2.5796, clamped to 1.
double ddim_step(SamplerOptions options) {
  DiffusionConfig config;
  config.schedule = ScheduleKind::kBetas;
  config.betas = {0.5, 0.64};
  config.timesteps = 2;
  options.sampler = SamplerKind::kDdim;
  const Denoiser one = [](const at::Tensor& x, const at::Tensor&) { return at::ones_like(x); };
  const at::Tensor x = at::full({1, 1}, 2.0, at::kDouble);
  return make_sampler(GaussianDiffusion(config), one, options, {})->step(x, 0).x.item<double>();
}

TEST(Ddim, TakesTheEpsilonOfTheClampedX0OrTheNetworks) {
  const double x0 = (2 - std::sqrt(0.82)) / std::sqrt(0.18), half = std::sqrt(0.5);
  const std::vector<double> both{1, 0};
  EXPECT_NEAR(ddim_step({.timesteps = both, .clip_x0 = false}), half * (x0 + 1), 1e-12);
  EXPECT_NEAR(ddim_step({.timesteps = both, .network_epsilon = true}), half * 2, 1e-12);
  EXPECT_NEAR(ddim_step({.timesteps = both}), half * (1 + (2 - std::sqrt(0.18)) / std::sqrt(0.82)),
              1e-12);
  EXPECT_NEAR(ddim_step({.timesteps = both, .clip_range = 2, .network_epsilon = true}), half * 3,
              1e-12);
  // The quantile is 2.58, of which 1.5 are allowed: 1.5 / 1.5.
  EXPECT_NEAR(ddim_step({.timesteps = both,
                         .dynamic_threshold = 0.9,
                         .dynamic_threshold_max = 1.5,
                         .network_epsilon = true}),
              half * 2, 1e-12);
}

TEST(Ddim, EndsAtTheDataOrAtTheFirstNoise) {
  EXPECT_NEAR(ddim_step({.timesteps = {1}, .network_epsilon = true}), 1, 1e-12);
  EXPECT_NEAR(ddim_step({.timesteps = {1}, .network_epsilon = true, .end_at_data = false}),
              std::sqrt(0.5) * 2, 1e-12);
}

// diffusers 0.42: DDIMScheduler(steps_offset=1) and DPMSolverMultistepScheduler, in 4 steps.
TEST(SamplerOptions, PlaceTheirTimestepsAsTheSchedulersDo) {
  const auto list = [](const SampleConfig& config) {
    return sampler_options(config, {}).timesteps;
  };
  using List = std::vector<double>;
  EXPECT_EQ(list({.steps = 4, .steps_offset = 1}), (List{751, 501, 251, 1}));
  EXPECT_EQ(list({.steps = 1000, .steps_offset = 1}).front(), 999);
  EXPECT_EQ(list({.steps = 4, .spacing = Spacing::kUniform, .skip_zero = true}),
            (List{999, 749, 500, 250}));
  EXPECT_EQ(list({.steps = 4, .spacing = Spacing::kLeading, .steps_offset = 1, .skip_zero = true}),
            (List{801, 601, 401, 201}));
  EXPECT_EQ(list({.steps = 4, .spacing = Spacing::kTrailing, .skip_zero = true}),
            (List{999, 749, 499, 249}));
}

TEST(Sampler, LastStepAddsNoNoiseAndClippingBoundsTheResult) {
  const GaussianDiffusion diffusion(config_with(VarianceKind::kFixedLarge));
  const Denoiser wild = [](const at::Tensor& x, const at::Tensor&) { return -9 * x; };
  const SamplerOptions options{.sampler = SamplerKind::kDdpm, .timesteps = {500, 0}};
  const at::Tensor x = run_sampler(diffusion, wild, at::ones({1, 3}), options, [](int64_t) {
    return at::full({1, 3}, 100.0f);
  });
  EXPECT_TRUE((x.abs() <= 1).all().item<bool>());
}

TEST(Sampler, NetworkSeesTheOriginalTimestepsInOrder) {
  const GaussianDiffusion diffusion(config_with(VarianceKind::kFixedSmall));
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
