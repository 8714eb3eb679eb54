#include "src/diffusion/timestep_sampler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "diffuse/core/error.h"

namespace diffuse {
namespace {

TimestepSampler make_sampler(TimestepLaw kind, int64_t timesteps, uint64_t seed = 7) {
  DiffusionConfig config;
  config.timestep_sampler = kind;
  config.timesteps = timesteps;
  return TimestepSampler(config, seed);
}

// Ten observations of loss[t] at each t, for every t.
void fill_history(TimestepSampler& sampler, const std::vector<double>& loss) {
  const at::Tensor t = at::arange(static_cast<int64_t>(loss.size()), at::kLong);
  for (int i = 0; i < 10; ++i) sampler.observe(t, at::tensor(loss, at::kDouble));
}

class EveryTimestepSampler : public testing::TestWithParam<TimestepLaw> {};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryTimestepSampler,
                         testing::Values(TimestepLaw::kUniform, TimestepLaw::kStratified,
                                         TimestepLaw::kImportance));

TEST_P(EveryTimestepSampler, DrawsTheSameHoweverTheBatchIsSplit) {
  auto whole = make_sampler(GetParam(), 4);
  auto split = make_sampler(GetParam(), 4);
  fill_history(whole, {1, 2, 3, 4});
  fill_history(split, {1, 2, 3, 4});
  const TimestepDraw all = whole.draw(80, 16, 16);
  const at::Tensor ones = at::ones({1}, at::kLong);
  for (int64_t i = 0; i < 16; i += 4) {
    const TimestepDraw part = split.draw(80 + i, 4, 16);
    EXPECT_TRUE(part.t.equal(all.t.slice(0, i, i + 4)));
    EXPECT_TRUE(part.weight.equal(all.weight.slice(0, i, i + 4)));
    split.observe(ones, at::full({1}, 100.0));  // counts from the next step on
  }
}

// The mean weight of each t times its frequency must be 1/T: then no loss is favoured.
TEST_P(EveryTimestepSampler, WeightsUndoTheSamplersPreference) {
  constexpr int64_t kSteps = 8, kBatch = 5, kBatches = 8000;
  auto sampler = make_sampler(GetParam(), kSteps);
  fill_history(sampler, {8, 1, 1, 1, 2, 1, 1, 1});
  at::Tensor mass = at::zeros({kSteps}, at::kDouble);
  for (int64_t s = 0; s < kBatches; ++s) {
    const TimestepDraw draw = sampler.draw(s * kBatch, kBatch, kBatch);
    mass.index_add_(0, draw.t, draw.weight.to(at::kDouble));
  }
  // 5 standard deviations of the rarest t under importance: p = 1/16, weight 2.
  EXPECT_TRUE(at::allclose(mass / (kBatch * kBatches), at::full({kSteps}, 0.125, at::kDouble), 0,
                           5 * 2 * std::sqrt(1.0 / 16 / (kBatch * kBatches))))
      << mass;
}

TEST(TimestepSampler, SeedsAndStepsDiffer) {
  const at::Tensor t = make_sampler(TimestepLaw::kUniform, 1000, 7).draw(0, 32, 32).t;
  EXPECT_FALSE(t.equal(make_sampler(TimestepLaw::kUniform, 1000, 8).draw(0, 32, 32).t));
  EXPECT_FALSE(t.equal(make_sampler(TimestepLaw::kUniform, 1000, 7).draw(32, 32, 32).t));
  auto stratified = make_sampler(TimestepLaw::kStratified, 1000, 7);
  EXPECT_FALSE(stratified.draw(0, 32, 32).t.equal(stratified.draw(32, 32, 32).t));
}

TEST(TimestepSampler, StratifiedPutsOneSampleIntoEachPart) {
  auto sampler = make_sampler(TimestepLaw::kStratified, 1000);
  for (int64_t s = 0; s < 20; ++s) {
    const at::Tensor t = std::get<0>(sampler.draw(s * 8, 8, 8).t.sort());
    for (int64_t i = 1; i < 8; ++i)  // 1000 / 8 apart, in whole steps
      EXPECT_NEAR((t[i] - t[i - 1]).item<double>(), 125, 1);
  }
}

TEST(TimestepSampler, ImportanceIsUniformUntilEveryTimestepHasTenLosses) {
  auto sampler = make_sampler(TimestepLaw::kImportance, 3);
  const at::Tensor uniform = at::full({3}, 1.0 / 3, at::kDouble);
  fill_history(sampler, {1, 2});  // none for t = 2
  EXPECT_TRUE(at::allclose(sampler.probabilities(), uniform));
  for (int i = 0; i < 9; ++i) sampler.observe(at::tensor({2}), at::tensor({3.0}));
  EXPECT_TRUE(at::allclose(sampler.probabilities(), uniform));
  sampler.observe(at::tensor({2}), at::tensor({3.0}));
  const at::Tensor p = at::tensor({1.0, 2.0, 3.0}, at::kDouble) / 6;
  EXPECT_TRUE(at::allclose(sampler.probabilities(), 0.999 * p + 0.001 / 3));
}

// The enumerated expectation, sum over t of p_t w_t L_t, is the plain mean of L exactly.
TEST(TimestepSampler, ImportanceWeightIsOneOverTTimesP) {
  auto sampler = make_sampler(TimestepLaw::kImportance, 4);
  fill_history(sampler, {0.1, 5, 0.3, 2});
  const at::Tensor p = sampler.probabilities();
  const TimestepDraw draw = sampler.draw(0, 64, 64);
  EXPECT_NEAR(p.sum().item<double>(), 1, 1e-14);
  EXPECT_TRUE(at::allclose(draw.weight.to(at::kDouble), 1 / (4 * p.index_select(0, draw.t)), 1e-6));
}

TEST(TimestepSampler, ImportanceForgetsAllButTheLastTenLosses) {
  auto sampler = make_sampler(TimestepLaw::kImportance, 2);
  fill_history(sampler, {1000, 1});
  fill_history(sampler, {1, 1});
  EXPECT_TRUE(at::allclose(sampler.probabilities(), at::full({2}, 0.5, at::kDouble)));
}

TEST(TimestepSampler, ImportanceSkipsLossesThatAreNotFinite) {
  auto sampler = make_sampler(TimestepLaw::kImportance, 2);
  fill_history(sampler, {1, 3});
  const at::Tensor before = sampler.probabilities();
  sampler.observe(at::tensor({0, 1}), at::tensor({std::numeric_limits<double>::infinity(),
                                                  std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_TRUE(sampler.probabilities().equal(before));
}

TEST(TimestepSampler, ImportanceContinuesFromItsState) {
  auto first = make_sampler(TimestepLaw::kImportance, 3);
  fill_history(first, {1, 2, 4});
  auto second = make_sampler(TimestepLaw::kImportance, 3);
  const auto from = first.state(), into = second.state();
  ASSERT_EQ(into.size(), 2u);
  for (size_t i = 0; i < into.size(); ++i) {
    EXPECT_EQ(into[i].first, from[i].first);
    into[i].second.copy_(from[i].second);
  }
  EXPECT_TRUE(second.draw(96, 32, 32).t.equal(first.draw(96, 32, 32).t));
  EXPECT_TRUE(second.probabilities().equal(first.probabilities()));
  EXPECT_TRUE(make_sampler(TimestepLaw::kUniform, 3).state().empty());
}

TEST(TimestepSampler, RefusesAnUnknownNameAndSamplesOfTwoSteps) {
  auto sampler = make_sampler(TimestepLaw::kUniform, 10);
  EXPECT_THROW(sampler.draw(6, 4, 8), c10::Error);
}

}  // namespace
}  // namespace diffuse
