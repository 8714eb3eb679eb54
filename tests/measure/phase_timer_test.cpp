#include "src/measure/phase_timer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace diffuse {

static void sleep_in_phase() {
  RECORD_USER_SCOPE("sleeping");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

TEST(PhaseTimer, AddsUpTheSecondsOfEachPhase) {
  const PhaseTimer timer(c10::kCPU);
  EXPECT_TRUE(timer.seconds().empty());
  for (int i = 0; i < 2; ++i) sleep_in_phase();
  EXPECT_EQ(timer.seconds().size(), 1u);
  EXPECT_GE(timer.seconds().at("sleeping"), 0.04);
}

}  // namespace diffuse
