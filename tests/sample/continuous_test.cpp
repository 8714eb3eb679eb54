// Samplers on processes of continuous time, with exact networks for Gaussian data.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "diffuse/core/error.h"
#include "diffuse/sample/generate.h"
#include "diffuse/sample/timesteps.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"

namespace diffuse {
namespace {

constexpr double kVariance = 0.25;
const std::vector<ProcessKind> kContinuous{ProcessKind::kVp, ProcessKind::kSubvp, ProcessKind::kVe,
                                           ProcessKind::kEdm, ProcessKind::kFlow};

GaussianDiffusion diffusion_of(ProcessKind process,
                               PredictionKind prediction = PredictionKind::kEdm) {
  DiffusionConfig config;
  config.process = process;
  config.prediction = prediction;
  return GaussianDiffusion(config);
}

// The exact network as a denoiser, called as a trained one is.
Denoiser oracle(const GaussianDiffusion& diffusion) {
  const auto network = std::make_shared<GaussianOracle>(kVariance, oracle_view(diffusion));
  return preconditioned(diffusion, [network](const at::Tensor& x, const at::Tensor& time) {
    return network->forward(x, time, {});
  });
}

double variance_at(const Level& level) { return level.a * level.a * kVariance + level.s * level.s; }

// Where the flow takes x_T = 1 at the first listed time, and the step from the last of them to x_0.
double exact_output(const Process& process, const std::vector<double>& times) {
  const Level first = process.level(times.front()), last = process.level(times.back());
  return std::sqrt(variance_at(last) / variance_at(first)) * last.a * kVariance / variance_at(last);
}

double output(const GaussianDiffusion& diffusion, SamplerKind sampler,
              const std::vector<double>& times) {
  const SamplerOptions options{.sampler = sampler, .timesteps = times, .clip_x0 = false};
  return run_sampler(diffusion, oracle(diffusion), at::ones({1, 1}, at::kDouble), options, {})
      .item<double>();
}

// How often twice the steps halve the error.
double order_of(ProcessKind process, SamplerKind sampler) {
  const GaussianDiffusion diffusion = diffusion_of(process);
  const Spacing spacing = process == ProcessKind::kFlow ? Spacing::kUniform : Spacing::kKarras;
  const auto error = [&](int64_t steps) {
    const auto times = spaced_timesteps(diffusion.process(), steps + 1, spacing);
    return std::abs(output(diffusion, sampler, times) - exact_output(diffusion.process(), times));
  };
  return std::log2(error(256) / error(512));
}

TEST(ContinuousSampler, ConvergesWithTheOrderOfItsMethod) {
  for (const ProcessKind process : kContinuous) {
    EXPECT_NEAR(order_of(process, SamplerKind::kEuler), 1, 0.1) << process;
    EXPECT_NEAR(order_of(process, SamplerKind::kHeun), 2, 0.1) << process;
    if (process != ProcessKind::kFlow) {
      EXPECT_NEAR(order_of(process, SamplerKind::kDpmpp2m), 2, 0.1) << process;
    }
  }
}

// x_t / a of every process is x_0 + sigma z: over the same sigmas all of them draw the same samples.
TEST(ContinuousSampler, DrawsTheSameOnEveryProcess) {
  const std::vector<double> sigmas{40, 12, 4, 1.5, 0.6, 0.2, 0.05, 0.02};
  const at::Tensor z = at::linspace(-2, 2, 6, at::kDouble).view({3, 2});
  for (const SamplerKind sampler :
       {SamplerKind::kEuler, SamplerKind::kAncestral, SamplerKind::kDdim, SamplerKind::kDpmpp2m,
        SamplerKind::kDpmpp2mSde, SamplerKind::kHeun}) {
    at::Tensor first;
    for (const ProcessKind process : kContinuous) {
      if (process == ProcessKind::kFlow && sampler == SamplerKind::kHeun)
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
