#include "src/model/power_ema.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

namespace diffuse {
namespace {

// tests/reference/phema_reference.py: the root of a cubic, by numpy.
TEST(PowerEma, HasThePowerOfItsWidth) {
  EXPECT_NEAR(power_of_width(0.05), 16.972198602303447, 1e-9);
  EXPECT_NEAR(power_of_width(0.1), 6.937203937601809, 1e-9);
  EXPECT_NEAR(power_of_width(0.25), 0.71982395800071, 1e-9);
}

// A parameter that is τ after update τ: the average of τ with weight τ^γ, which for large t is
// t (γ + 1) / (γ + 2).
TEST(PowerEma, WeighsTheUpdatesByTheirPower) {
  const at::Tensor x = at::full({2}, 100.0, at::kDouble);  // forgotten by the first update
  PowerEma average({x}, 0.1);
  double expected = 0, total = 0;
  const double gamma = power_of_width(0.1);
  for (int64_t t = 1; t <= 2000; ++t) {
    x.fill_(static_cast<double>(t));
    average.update(t - 1);
  }
  for (int64_t t = 1; t <= 2000; ++t) {
    // beta = (1 - 1/t)^(γ + 1): update t counts as (t^(γ+1) - (t-1)^(γ+1)) / 2000^(γ+1).
    const auto at = static_cast<double>(t);
    const double weight = std::pow(at / 2000, gamma + 1) - std::pow((at - 1) / 2000, gamma + 1);
    expected += weight * at;
    total += weight;
  }
  EXPECT_NEAR(total, 1, 1e-9);
  EXPECT_NEAR(average.averages()[0][1].item<double>(), expected, 1e-6);
  EXPECT_NEAR(expected, 2000 * (gamma + 1) / (gamma + 2), 1);
}

// tests/reference/phema_reference.py: Algorithm 3 of [Karras24] in numpy.
TEST(PowerEma, IsRebuiltAsItsAuthorsDo) {
  std::vector<PowerAverage> snapshots;
  for (const double step : {100, 200, 300})
    for (const double width : kSnapshotWidths) snapshots.push_back({step, width});
  const std::vector<double> expected{-0.002008920459952845, 0.006948819646119283,
                                     -0.046995313682802686, 0.13589736260507396,
                                     -0.28401584088977905,  1.1227300592579799};
  const auto weights = snapshot_weights(snapshots, {300, 0.15});
  ASSERT_EQ(weights.size(), 6u);
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(weights[i], expected[i], 1e-9) << i;
}

TEST(PowerEma, OfAWidthThatIsThereIsThatSnapshot) {
  const auto weights =
      snapshot_weights({{100, 0.05}, {100, 0.1}, {200, 0.05}, {200, 0.1}}, {200, 0.1});
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(weights[i], i == 3 ? 1 : 0, 1e-9) << i;
}

// Of a path that a training might take, the rebuilt average is near one that was kept.
TEST(PowerEma, OfAnotherWidthIsNearTheAverageOfThatWidth) {
  const at::Tensor x = at::zeros({1}, at::kDouble);
  std::vector<PowerEma> kept;
  for (const double width : kSnapshotWidths) kept.emplace_back(std::vector<at::Tensor>{x}, width);
  PowerEma wanted({x}, 0.15);
  std::vector<PowerAverage> snapshots;
  std::vector<double> values;
  for (int64_t step = 0; step < 4000; ++step) {
    const double t = static_cast<double>(step + 1) / 4000;
    x.fill_(std::sqrt(t) + 0.1 * std::sin(40 * t));
    wanted.update(step);
    for (size_t i = 0; i < 2; ++i) {
      kept[i].update(step);
      if ((step + 1) % 250 != 0) continue;
      snapshots.push_back({static_cast<double>(step + 1), kSnapshotWidths[i]});
      values.push_back(kept[i].averages()[0].item<double>());
    }
  }
  const auto weights = snapshot_weights(snapshots, {4000, 0.15});
  double rebuilt = 0;
  for (size_t i = 0; i < weights.size(); ++i) rebuilt += weights[i] * values[i];
  EXPECT_NEAR(rebuilt, wanted.averages()[0].item<double>(), 1e-3);
  EXPECT_GT(std::abs(values.back() - rebuilt), 0.01);
}

}  // namespace
}  // namespace diffuse
