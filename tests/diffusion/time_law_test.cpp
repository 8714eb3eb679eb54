#include "src/diffusion/time_law.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "diffuse/core/error.h"
#include "src/diffusion/timestep_sampler.h"

namespace diffuse {
namespace {

DiffusionConfig config_of(ProcessKind process, TimestepLaw law) {
  DiffusionConfig config;
  config.process = process;
  config.timestep_sampler = law;
  return config;
}

TimeLaw law_of(const DiffusionConfig& config) { return {config, make_process(config)}; }

// (i + 1/2) / n.
at::Tensor even(int64_t n) { return (at::arange(n, at::kDouble) + 0.5) / static_cast<double>(n); }

at::Tensor spread(const DiffusionConfig& config, int64_t n) {
  return law_of(config_of(config.process, TimestepLaw::kUniform)).times(even(n));
}

double time_at(const TimeLaw& law, double u) {
  return law.times(at::full({1}, u, at::kDouble)).item<double>();
}

// [Karras22] Table 1: log sigma ~ N(-1.2, 1.2^2); Phi(-1) = 0.158655253931457.
TEST(TimeLaw, LogNormalHasThePublishedQuantiles) {
  const TimeLaw law = law_of(config_of(ProcessKind::kEdm, TimestepLaw::kLogNormal));
  EXPECT_NEAR(std::log(time_at(law, 0.5)), -1.2, 1e-4);
  EXPECT_NEAR(std::log(time_at(law, 0.158655253931457)), -2.4, 1e-4);
  EXPECT_NEAR(std::log(time_at(law, 1 - 0.158655253931457)), 0, 1e-4);
}

TEST(TimeLaw, LogitNormalIsSymmetricAboutTheMiddle) {
  const TimeLaw law = law_of(config_of(ProcessKind::kFlow, TimestepLaw::kLogitNormal));
  EXPECT_NEAR(time_at(law, 0.5), 0.5, 1e-12);
  EXPECT_NEAR(time_at(law, 1 - 0.158655253931457), 1 / (1 + std::exp(-1.0)), 1e-10);
}

// Losses of different laws compare: over the density they all have the mean over evenly spread times.
TEST(TimeLaw, DensityBringsEveryLawToTheSameMean) {
  constexpr int64_t kTimes = 200'000;
  const auto f = [](const Process& process, const at::Tensor& time) {
    const Levels at = process.levels(time);
    return at.a * at.s / (at.a + at.s).square();
  };
  for (const auto& [process, law] : {std::pair(ProcessKind::kEdm, TimestepLaw::kLogNormal),
                                     std::pair(ProcessKind::kVe, TimestepLaw::kLogNormal),
                                     std::pair(ProcessKind::kVp, TimestepLaw::kLogNormal),
                                     std::pair(ProcessKind::kFlow, TimestepLaw::kLogNormal),
                                     std::pair(ProcessKind::kFlow, TimestepLaw::kLogitNormal),
                                     std::pair(ProcessKind::kVp, TimestepLaw::kLogitNormal),
                                     std::pair(ProcessKind::kSubvp, TimestepLaw::kLogitNormal)}) {
    DiffusionConfig config = config_of(process, law);
    config.log_normal_mean = -0.5;
    config.log_normal_std = 2;  // wide, for a density that is nowhere small
    config.logit_normal_std = 1.7;
    const TimeLaw time_law = law_of(config);
    const auto levels = make_process(config);
    const at::Tensor drawn = time_law.times(even(kTimes)), density = time_law.density(drawn);
    const double expected = f(*levels, spread(config, kTimes)).mean().item<double>();
    EXPECT_NEAR((f(*levels, drawn) / density).mean().item<double>(), expected, 0.01 * expected)
        << process << " " << law;
    EXPECT_NEAR(time_law.density(spread(config, kTimes)).mean().item<double>(), 1, 1e-3)
        << process << " " << law;
  }
}

TEST(TimeLaw, EvenOnesHaveDensityOne) {
  for (const TimestepLaw law : {TimestepLaw::kUniform, TimestepLaw::kStratified})
    EXPECT_TRUE(law_of(config_of(ProcessKind::kEdm, law))
                    .density(at::ones({3}))
                    .equal(at::ones({3}, at::kDouble)));
}

TEST(TimeLaw, OfTimesFromZeroToOneIsRefusedForSigma) {
  EXPECT_THROW(law_of(config_of(ProcessKind::kEdm, TimestepLaw::kLogitNormal)), Error);
}

// A sample's time is a function of the seed and its number, however a batch is split.
TEST(TimestepSampler, DrawsContinuousTimesByNumberOfTheSample) {
  for (const TimestepLaw law :
       {TimestepLaw::kUniform, TimestepLaw::kStratified, TimestepLaw::kLogNormal}) {
    TimestepSampler sampler(config_of(ProcessKind::kEdm, law), 3);
    const at::Tensor all = sampler.draw(16, 8, 8).t;
    EXPECT_EQ(all.scalar_type(), at::kDouble);
    EXPECT_TRUE(all.slice(0, 5).equal(sampler.draw(21, 3, 8).t)) << law;
    EXPECT_GE(all.min().item<double>(), 0.002);
    EXPECT_LE(all.max().item<double>(), 80);
  }
}

// One time in each of the batch's equal parts of log sigma.
TEST(TimestepSampler, StratifiedCoversContinuousTime) {
  TimestepSampler sampler(config_of(ProcessKind::kEdm, TimestepLaw::kStratified), 3);
  const auto process = make_process(config_of(ProcessKind::kEdm, TimestepLaw::kStratified));
  const at::Tensor parts = process->part_of(sampler.draw(0, 16, 16).t, 16);
  EXPECT_EQ(std::get<0>(at::_unique(parts)).size(0), 16);
}

}  // namespace
}  // namespace diffuse
