// Samplers on processes of continuous time, with exact networks for Gaussian data.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "diffuse/core/error.h"
#include "diffuse/sample/generate.h"
#include "diffuse/sample/timesteps.h"
#include "tests/sample/continuous_oracle.h"

namespace diffuse {
namespace {

using namespace continuous_oracle;  // NOLINT(google-build-using-namespace)

double output(const GaussianDiffusion& diffusion, SamplerKind sampler,
              const std::vector<double>& times) {
  const SamplerOptions options{.sampler = sampler, .timesteps = times, .clip_x0 = false};
  return run_sampler(diffusion, oracle(diffusion), at::ones({1, 1}, at::kDouble), options, {})
      .item<double>();
}

// How often twice the steps halve the error.
double order_of(ProcessKind process, SamplerKind sampler, int64_t coarse = 256) {
  const GaussianDiffusion diffusion = diffusion_of(process);
  const Spacing spacing = process == ProcessKind::kFlow ? Spacing::kUniform : Spacing::kKarras;
  const auto error = [&](int64_t steps) {
    const auto times = spaced_timesteps(diffusion.process(), steps + 1, spacing);
    return std::abs(output(diffusion, sampler, times) - exact_output(diffusion.process(), times));
  };
  return std::log2(error(coarse) / error(2 * coarse));
}

TEST(ContinuousSampler, ConvergesWithTheOrderOfItsMethod) {
  for (const ProcessKind process : kContinuous) {
    EXPECT_NEAR(order_of(process, SamplerKind::kEuler), 1, 0.1) << process;
    EXPECT_NEAR(order_of(process, SamplerKind::kHeun), 2, 0.1) << process;
    EXPECT_NEAR(order_of(process, SamplerKind::kRk4, 64), 4, 0.2) << process;
    if (process != ProcessKind::kFlow) {
      EXPECT_NEAR(order_of(process, SamplerKind::kDpmpp2m), 2, 0.1) << process;
      EXPECT_NEAR(order_of(process, SamplerKind::kUnipc), 3, 0.3)
          << process;  // of order 2 and one more
    }
  }
}

// x_t / a of every process is x_0 + sigma z: over the same sigmas all of them draw the same samples.
TEST(ContinuousSampler, DrawsTheSameOnEveryProcess) {
  const std::vector<double> sigmas{40, 12, 4, 1.5, 0.6, 0.2, 0.05, 0.02};
  const at::Tensor z = at::linspace(-2, 2, 6, at::kDouble).view({3, 2});
  for (const SamplerKind sampler :
       {SamplerKind::kEuler, SamplerKind::kAncestral, SamplerKind::kDdim, SamplerKind::kDpmpp2m,
        SamplerKind::kDpmpp2mSde, SamplerKind::kHeun, SamplerKind::kRk4, SamplerKind::kUnipc,
        SamplerKind::kPc}) {
    at::Tensor first;
    for (const ProcessKind process : kContinuous) {
      if (process == ProcessKind::kFlow &&
          (sampler == SamplerKind::kHeun || sampler == SamplerKind::kRk4))
        continue;  // in t, not in sigma
      const GaussianDiffusion diffusion = diffusion_of(process);
      SamplerOptions options{.sampler = sampler, .eta = 0.5, .clip_x0 = false};
      for (const double sigma : sigmas)
        options.timesteps.push_back(diffusion.process().time_of_sigma(sigma));
      const Level start = diffusion.process().level(options.timesteps[0]);
      const at::Tensor x =
          run_sampler(diffusion, oracle(diffusion), z * start.s, options,
                      [&](int64_t left) { return at::sin(z * static_cast<double>(left)); });
      if (first.defined()) {
        EXPECT_TRUE(at::allclose(x, first, 1e-8, 1e-10)) << process << " " << sampler;
      }
      first = x;
    }
  }
}

TEST(ContinuousSampler, DrawsTheSameWhateverIsPredicted) {
  for (const ProcessKind process : kContinuous) {
    const auto with = [&](PredictionKind prediction) {
      const GaussianDiffusion diffusion = diffusion_of(process, prediction);
      return output(diffusion, SamplerKind::kHeun,
                    spaced_timesteps(diffusion.process(), 12, Spacing::kUniform));
    };
    for (const PredictionKind prediction :
         {PredictionKind::kX0, PredictionKind::kFlow, PredictionKind::kV, PredictionKind::kEpsilon,
          PredictionKind::kScore}) {
      if (process == ProcessKind::kFlow &&
          (prediction == PredictionKind::kEpsilon || prediction == PredictionKind::kScore))
        continue;
      EXPECT_NEAR(with(prediction), with(PredictionKind::kEdm), 1e-9)
          << process << " " << prediction;
    }
  }
}

// Linear in x_T and in each step's noise: the sum of the squared responses is the samples' variance,
// which a method of first order comes to as 1 / steps.
TEST(ContinuousSampler, StochasticOnesKeepTheVarianceOfTheData) {
  for (const ProcessKind process : kContinuous)
    for (const auto& [sampler, tolerance] :
         {std::pair(SamplerKind::kAncestral, 0.06), std::pair(SamplerKind::kDpmpp2mSde, 0.002)}) {
      const GaussianDiffusion diffusion = diffusion_of(process);
      const SamplerOptions options{
          .sampler = sampler,
          .timesteps = spaced_timesteps(diffusion.process(), 400, Spacing::kKarras),
          .clip_x0 = false};
      at::Tensor start = at::zeros({401, 1}, at::kDouble);
      start[0] = 1;
      const at::Tensor x =
          run_sampler(diffusion, oracle(diffusion), start_of(diffusion, options, start), options,
                      [&](int64_t left) {
                        at::Tensor noise = at::zeros({401, 1}, at::kDouble);
                        noise[401 - left] = 1;
                        return noise;
                      });
      EXPECT_NEAR(x.square().sum().item<double>(), kVariance, tolerance * kVariance)
          << process << " " << sampler;
    }
}

// Data N(0, 1/4) and an arbitrary eps: [Karras22] Algorithm 2 in plain Python.
TEST(ContinuousSampler, ChurnIsKarrasAlgorithm2) {
  const std::vector<double> expected{33.01610031181306, 24.188008769182986, 24.30636032821153,
                                     24.136196465919163, 24.106130918386434};
  const std::vector<double> z{0.3, -0.8, 1.1, 0.4, -0.2};
  const GaussianDiffusion diffusion = diffusion_of(ProcessKind::kEdm, PredictionKind::kEpsilon);
  const Denoiser network = [](const at::Tensor& x, const at::Tensor& t) {
    const double s = t[0].item<double>();
    return x.tanh() * (s / (0.25 + s * s)) + 0.1 * x.sin();
  };
  const SamplerOptions options{.sampler = SamplerKind::kHeun,
                               .timesteps = {80, 10, 2, 0.5, 0.1},
                               .clip_x0 = false,
                               .churn = 1,
                               .churn_min = 0.2,
                               .churn_max = 50,
                               .churn_noise = 1.003};
  EXPECT_TRUE(options.stochastic());
  std::vector<double> states;
  run_sampler(
      diffusion, network, at::full({1, 1}, 30.0, at::kDouble), options,
      [&](int64_t left) {
        return at::full({1, 1}, z[static_cast<size_t>(5 - left)], at::kDouble);
      },
      [&](const SampleStep& step) { states.push_back(step.x.item<double>()); });
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(states[i], expected[i], 1e-10) << i;
}

// [Karras22] eq. 5 with N = 5: (80^(1/7) + i/4 (0.002^(1/7) - 80^(1/7)))^7.
TEST(ContinuousTimes, KarrasAreThePublishedSigmas) {
  DiffusionConfig config;
  config.process = ProcessKind::kEdm;
  config.prediction = PredictionKind::kEdm;
  const auto times = spaced_timesteps(*make_process(config), 5, Spacing::kKarras);
  const std::vector<double> expected{80, 17.527832, 2.5152190, 0.16975276, 0.002};
  ASSERT_EQ(times.size(), 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(times[i] / expected[i], 1, 1e-5) << times[i];
}

TEST(ContinuousTimes, OfFlowFallFromPureNoise) {
  DiffusionConfig config;
  config.process = ProcessKind::kFlow;
  config.prediction = PredictionKind::kFlow;
  const auto process = make_process(config);
  const auto trailing = spaced_timesteps(*process, 4, Spacing::kTrailing);
  ASSERT_EQ(trailing.size(), 4u);
  EXPECT_EQ(trailing.front(), 1);
  EXPECT_NEAR(trailing.back(), 0.25, 1e-3);
  EXPECT_NEAR(spaced_timesteps(*process, 4, Spacing::kUniform).back(), 1e-3, 1e-15);
  const auto karras = spaced_timesteps(*process, 4, Spacing::kKarras);
  EXPECT_EQ(karras[0], 1);
  EXPECT_NEAR(karras[1], 0.999, 1e-12);
  EXPECT_NEAR(karras[3], 1e-3, 1e-12);
  EXPECT_THROW(spaced_timesteps(*process, 4, Spacing::kLeading), Error);
}

TEST(ContinuousTimes, AreReadFromAFallingList) {
  DiffusionConfig config;
  config.process = ProcessKind::kEdm;
  const auto process = make_process(config);
  EXPECT_EQ(parse_timesteps("80,2.5,0.1", *process), (std::vector<double>{80, 2.5, 0.1}));
  for (const char* const text : {"81", "0.001", "1,1", "1,2", "a", ""})
    EXPECT_THROW(parse_timesteps(text, *process), Error) << text;
}

TEST(ContinuousSampler, OfChainsStepsIsRefused) {
  DiffusionConfig config;
  config.process = ProcessKind::kVp;
  EXPECT_THROW(sampler_options({}, config), Error);
  EXPECT_EQ(sampler_options({.sampler = SamplerKind::kHeun}, config).timesteps.size(), 50u);
}

}  // namespace
}  // namespace diffuse
