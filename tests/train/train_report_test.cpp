#include "diffuse/train/train_report.h"

#include <gtest/gtest.h>

namespace diffuse {

TEST(Stragglers, AreRanksAQuarterSlowerThanTheMedianAtTheirOwnWork) {
  using Ranks = std::vector<int64_t>;
  EXPECT_EQ(stragglers({{0.1, 0.9, 0.0}}), Ranks{});
  EXPECT_EQ(stragglers({{0, 1.0, 0.3}, {0, 1.1, 0.2}, {0, 1.3, 0}}), Ranks{});
  EXPECT_EQ(stragglers({{0, 1.0, 0.5}, {0.6, 0.9, 0}, {0, 1.1, 0.4}}), Ranks{1});
  // Of two, the slower one, however long the other waits.
  EXPECT_EQ(stragglers({{0, 1.0, 0.5}, {0, 1.5, 0}}), Ranks{1});
  // Milliseconds of difference are the machine's, not the rank's.
  EXPECT_EQ(stragglers({{0, 8e-5, 0}, {0, 9e-3, 0}}), Ranks{});
  EXPECT_EQ(stragglers({{0, 0.020, 0}, {0, 0.031, 0}}), Ranks{1});
}

}  // namespace diffuse
