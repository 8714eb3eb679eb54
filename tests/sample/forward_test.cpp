#include "src/sample/forward.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace diffuse {
namespace {

// The post's video: 200 steps from 1e-4 to 0.05.
GaussianDiffusion post() {
  DiffusionConfig config;
  config.timesteps = 200;
  config.beta_end = 0.05;
  return GaussianDiffusion(config);
}

std::map<int64_t, at::Tensor> film(ForwardMode mode, const at::Tensor& x0,
                                   const std::vector<int64_t>& moments, uint64_t first = 0) {
  std::map<int64_t, at::Tensor> frames;
  run_forward(post(), x0, consecutive_keys(5, first, x0.size(0)), mode, moments,
              [&](int64_t steps, const at::Tensor& x) { frames[steps] = x; });
  return frames;
}

TEST(ForwardMoments, GoFromTheDataToTheLastStep) {
  EXPECT_EQ(forward_moments(200, 5), (std::vector<int64_t>{0, 50, 100, 150, 200}));
  EXPECT_EQ(forward_moments(200, 1), std::vector<int64_t>{200});
  EXPECT_EQ(forward_moments(3, 100), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(forward_moments(200, 200).size(), 200);
}

// Of flow 1000 steps are even in time: after 250 of them a = 1 - t, s = t at t = 0.25075.
TEST(Forward, OfContinuousTimeHasTheMomentsOfItsLevels) {
  DiffusionConfig config;
  config.process = ProcessKind::kFlow;
  config.prediction = PredictionKind::kFlow;
  const GaussianDiffusion diffusion(config);
  EXPECT_EQ(forward_steps(diffusion), 1000);
  EXPECT_EQ(forward_steps(post()), 200);
  constexpr int64_t kItems = 20'000;
  const at::Tensor x0 = at::full({kItems, 1}, 1.5);
  const double t = 0.001 + 0.25 * 0.999;
  for (const ForwardMode mode : {ForwardMode::kChain, ForwardMode::kClosedForm}) {
    at::Tensor x;
    run_forward(diffusion, x0, consecutive_keys(5, 0, kItems), mode, {0, 250},
                [&](int64_t, const at::Tensor& frame) { x = frame; });
    EXPECT_NEAR(x.mean().item<double>(), 1.5 * (1 - t), 5 * t / std::sqrt(kItems));
    EXPECT_NEAR(x.var().item<double>(), t * t, 5 * t * t * std::sqrt(2.0 / kItems));
  }
}

// alpha_bar after 101 and 200 steps: tests/reference/schedule_reference.py.
TEST(Forward, BothModesHaveTheMomentsOfEquation5) {
  constexpr int64_t kItems = 20'000;
  const at::Tensor x0 = at::full({kItems, 1}, 1.5);
  for (const ForwardMode mode : {ForwardMode::kChain, ForwardMode::kClosedForm}) {
    const auto frames = film(mode, x0, {0, 101, 200});
    EXPECT_TRUE(at::equal(frames.at(0), x0));
    for (const auto& [steps, alpha_bar] :
         {std::pair(101, 0.27601247), std::pair(200, 0.00612197)}) {
      const at::Tensor& x = frames.at(steps);
      const double variance = 1 - alpha_bar;
      EXPECT_NEAR(x.mean().item<double>(), 1.5 * std::sqrt(alpha_bar),
                  5 * std::sqrt(variance / kItems));
      EXPECT_NEAR(x.var().item<double>(), variance, 5 * variance * std::sqrt(2.0 / kItems));
    }
  }
}

// One step of the chain adds little to the last; the closed form's epsilon stays the same.
TEST(Forward, ChainTakesOneStepAtATime) {
  const at::Tensor x0 = at::ones({1000, 1});
  const auto frames = film(ForwardMode::kChain, x0, {199, 200});
  const at::Tensor added = frames.at(200) - std::sqrt(0.95) * frames.at(199);
  EXPECT_NEAR(added.square().mean().item<double>(), 0.05, 5 * 0.05 * std::sqrt(2.0 / 1000));
  const auto jump = film(ForwardMode::kClosedForm, x0, {100, 200});
  const auto eps = [&](int64_t steps, double alpha_bar) {
    return (jump.at(steps) - std::sqrt(alpha_bar)) / std::sqrt(1 - alpha_bar);
  };
  const double ab_100 = post().schedule().alpha_bar()[99].item<double>();
  EXPECT_TRUE(at::allclose(eps(100, ab_100), eps(200, 0.00612196524), 1e-4, 1e-4));
}

TEST(Forward, AnItemDoesNotDependOnTheOthers) {
  for (const ForwardMode mode : {ForwardMode::kChain, ForwardMode::kClosedForm}) {
    const at::Tensor x0 = at::arange(12).to(at::kFloat).view({3, 4});
    const auto all = film(mode, x0, {10});
    EXPECT_TRUE(at::equal(film(mode, x0.slice(0, 2), {10}, 2).at(10), all.at(10).slice(0, 2)));
  }
}

}  // namespace
}  // namespace diffuse
