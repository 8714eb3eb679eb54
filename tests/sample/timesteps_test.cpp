#include "diffuse/sample/timesteps.h"

#include <gtest/gtest.h>

#include "diffuse/core/error.h"

namespace diffuse {
namespace {

using List = std::vector<double>;

// diffusers 0.3x DDIMScheduler(timestep_spacing=..., steps_offset=0).set_timesteps(10), T = 1000.
TEST(SpacedTimesteps, MatchesThePeersWhereStepsDivideT) {
  EXPECT_EQ(spaced_timesteps(1000, 10, Spacing::kLeading),
            (List{900, 800, 700, 600, 500, 400, 300, 200, 100, 0}));
  EXPECT_EQ(spaced_timesteps(1000, 10, Spacing::kTrailing),
            (List{999, 899, 799, 699, 599, 499, 399, 299, 199, 99}));
  EXPECT_EQ(spaced_timesteps(1000, 10, Spacing::kUniform),
            (List{999, 888, 777, 666, 555, 444, 333, 222, 111, 0}));
}

// int(numpy.linspace(0, sqrt(800), 5) ** 2): 0, 50, 200, 450, 800 by hand.
TEST(SpacedTimesteps, QuadraticIsDenseNearTheData) {
  EXPECT_EQ(spaced_timesteps(1000, 5, Spacing::kQuadratic), (List{800, 450, 200, 50, 0}));
}

// sigma^(1/7) evenly from 157.4 to 0.01000, the nearest of the linear schedule's: by NumPy,
// abs(sqrt((1 - ab) / ab)[:, None] - ramp**7).argmin(0).
TEST(SpacedTimesteps, KarrasIsEvenInTheSeventhRootOfSigma) {
  EXPECT_EQ(spaced_timesteps(*make_process({}), 8, Spacing::kKarras),
            (List{999, 917, 815, 681, 484, 205, 32, 0}));
}

// Every sigma but the last is finite: the infinite one comes first, then the ramp.
TEST(SpacedTimesteps, KarrasStartsWithAnInfiniteSigma) {
  DiffusionConfig config;
  config.schedule = ScheduleKind::kJsd;
  const List list = spaced_timesteps(*make_process(config), 5, Spacing::kKarras);
  EXPECT_EQ(list[0], 999);
  EXPECT_EQ(list[1], 998);
  EXPECT_EQ(list[4], 0);
  config.timesteps = 1;
  EXPECT_EQ(spaced_timesteps(*make_process(config), 1, Spacing::kKarras), (List{0}));
}

TEST(SpacedTimesteps, EveryCountGivesThatManyDistinctFallingTimesteps) {
  DiffusionConfig config;
  config.timesteps = 103;
  const auto process = make_process(config);
  for (const Spacing spacing : {Spacing::kLeading, Spacing::kTrailing, Spacing::kUniform,
                                Spacing::kQuadratic, Spacing::kKarras})
    for (int64_t steps = 1; steps <= 103; ++steps) {
      const List list = spaced_timesteps(*process, steps, spacing);
      ASSERT_EQ(static_cast<int64_t>(list.size()), steps) << spacing;
      ASSERT_LE(list.front(), 102) << spacing << " " << steps;
      ASSERT_GE(list.back(), 0) << spacing << " " << steps;
      for (size_t i = 1; i < list.size(); ++i)
        ASSERT_LT(list[i], list[i - 1]) << spacing << " " << steps;
    }
}

TEST(SpacedTimesteps, RefusesStepsOutsideTheRange) {
  EXPECT_THROW(spaced_timesteps(100, 0, Spacing::kLeading), Error);
  EXPECT_THROW(spaced_timesteps(100, 101, Spacing::kLeading), Error);
  EXPECT_THROW(spaced_timesteps(100, 10, Spacing::kAuto), Error);
}

TEST(ParseTimesteps, ReadsAFallingList) {
  EXPECT_EQ(parse_timesteps("999,500,0", 1000), (List{999, 500, 0}));
}

TEST(ParseTimesteps, RefusesOthers) {
  for (const char* const text : {"", "1000", "-1", "5,5", "5,6", "5,,4", "5,4,", "a", "5.5", "5 4"})
    EXPECT_THROW(parse_timesteps(text, 1000), Error) << text;
}

}  // namespace
}  // namespace diffuse
