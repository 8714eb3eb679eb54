#include "src/train/loss_spike_detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "diffuse/core/random.h"

namespace diffuse {
namespace {

TEST(LossSpikeDetector, SeesWhatStandsOutAndGoesOnAsBefore) {
  LossSpikeDetector watch;
  RandomStream stream(0, Purpose::kNoise, 0);
  const auto usual = [&] { return 1 + 0.1 * stream.uniform(); };
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(watch.see(usual())) << i;
  EXPECT_NEAR(watch.mean(), 1.05, 0.03);
  EXPECT_FALSE(watch.see(1.4));  // less than half as much again
  EXPECT_TRUE(watch.see(1e9));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(watch.see(usual())) << i;
  EXPECT_NEAR(watch.mean(), 1.05, 0.03);
  int spikes = 0;
  for (int i = 0; i < 50; ++i) spikes += watch.see(10) ? 1 : 0;
  EXPECT_LT(spikes, 25);  // a level that stays is one to get used to
}

TEST(LossSpikeDetector, TakesAFallingLossAndASlowRise) {
  LossSpikeDetector watch;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(watch.see(std::exp(-0.1 * i))) << i;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(watch.see(std::exp(0.02 * i - 10))) << i;
}

// Their spread is not known yet; and a loss that is no number says nothing of it.
TEST(LossSpikeDetector, SaysNothingOfTheFirstNorOfWhatIsNotFinite) {
  LossSpikeDetector watch;
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(watch.see(i % 2 == 0 ? 0.01 : 100));
  EXPECT_FALSE(watch.see(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_TRUE(std::isfinite(watch.mean()));
}

}  // namespace
}  // namespace diffuse
