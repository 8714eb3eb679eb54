#include "src/train/train_statistics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace diffuse {
namespace {

at::Tensor number(double value) { return at::full({}, value, at::kFloat); }

TEST(TrainStatistics, AveragesOverTheGoodUpdatesAndStartsAgain) {
  World world;
  TrainStatistics statistics(8, at::kCPU);
  statistics.add_update(number(1), number(10), number(0));
  statistics.add_update(number(NAN), number(INFINITY), number(1));
  statistics.add_update(number(2), number(30), number(0));
  const TrainReport report = statistics.report(world, {});
  EXPECT_EQ(report.loss, 1.5);
  EXPECT_EQ(report.gradient_norm, 20);
  EXPECT_EQ(report.skipped_lately, 1);
  EXPECT_EQ(statistics.skipped_in_row(), 0);
  statistics.add_update(number(7), number(7), number(1));
  statistics.add_update(number(7), number(7), number(1));
  statistics.add_update(number(4), number(5), number(0));
  statistics.add_update(number(7), number(7), number(1));
  EXPECT_EQ(statistics.skipped_in_row(), 1);
  const TrainReport next = statistics.report(world, {});
  EXPECT_EQ(next.loss, 4);
  EXPECT_EQ(next.skipped_lately, 3);
  EXPECT_EQ(next.skipped_steps, 4);
}

TEST(TrainStatistics, CountsSkippedUpdatesOnFromACheckpoint) {
  World world;
  TrainStatistics statistics(8, at::kCPU);
  statistics.skipped().fill_(5);
  statistics.restored();
  statistics.add_update(number(1), number(1), number(1));
  const TrainReport report = statistics.report(world, {});
  EXPECT_EQ(report.skipped_steps, 6);
  EXPECT_EQ(report.skipped_lately, 1);
}

TEST(TrainStatistics, GivesTheMeanLossOfEachPartOfTheTimesteps) {
  World world;
  TrainStatistics statistics(8, at::kCPU);
  statistics.add_losses(at::tensor({1.0F, 3.0F, NAN}), at::tensor({0, 0, 1}, at::kLong));
  statistics.add_losses(at::tensor({5.0F}), at::tensor({19}, at::kLong));
  statistics.add_update(number(1), number(1), number(0));
  const TrainReport report = statistics.report(world, {});
  ASSERT_EQ(std::ssize(report.loss_by_timestep), kTimestepBins);
  EXPECT_EQ(report.loss_by_timestep[0], 2);
  EXPECT_EQ(report.loss_by_timestep[1], 0);
  EXPECT_EQ(report.loss_by_timestep[2], 0);
  EXPECT_EQ(report.loss_by_timestep[19], 5);
}

TEST(TrainStatistics, SharesOutTheTimeOfAnUpdate) {
  World world;
  TrainStatistics statistics(8, at::kCPU);
  for (int i = 0; i < 2; ++i) {
    statistics.add_update(number(1), number(1), number(0));
    statistics.add_seconds({.data = 0.25, .compute = 0.5, .communication = 0.25});
  }
  const TrainReport report = statistics.report(world, {.total = 0.4, .exposed = 0.1});
  EXPECT_EQ(report.samples_per_second, 8);
  EXPECT_EQ(report.data_wait, 0.25);
  EXPECT_NEAR(report.overlap, 0.75, 1e-12);
  ASSERT_EQ(report.ranks.size(), 1u);
  EXPECT_EQ(report.ranks[0].compute, 0.5);
  EXPECT_EQ(report.ranks[0].communication, 0.25);
}

}  // namespace
}  // namespace diffuse
