#include "src/core/stop.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <initializer_list>

namespace diffuse {

// Runs in a child: what a process that receives the signals reports.
static void receive(std::initializer_list<int> signals) {
  install_stop_handlers();
  if (stop_requested()) std::exit(1);
  for (const int signal : signals) raise(signal);
  std::fprintf(stderr, "stopped by '%s'", stop_reason());
  std::exit(stop_requested() ? 75 : 0);
}

TEST(StopDeathTest, NotesTheSignalAndGoesOn) {
  EXPECT_EXIT(receive({SIGINT}), testing::ExitedWithCode(75), "stopped by 'SIGINT'");
  EXPECT_EXIT(receive({SIGTERM}), testing::ExitedWithCode(75), "stopped by 'SIGTERM'");
  EXPECT_EXIT(receive({SIGUSR1}), testing::ExitedWithCode(75), "stopped by 'SIGUSR1'");
}

TEST(StopDeathTest, NamesTheFirstOfSeveral) {
  EXPECT_EXIT(receive({SIGUSR1, SIGTERM, SIGTERM, SIGINT}), testing::ExitedWithCode(75),
              "stopped by 'SIGUSR1'");
}

TEST(StopDeathTest, EndsAtOnceAtTheSecondInterrupt) {
  EXPECT_EXIT(receive({SIGINT, SIGINT}), testing::ExitedWithCode(130), "^$");
  EXPECT_EXIT(receive({SIGTERM, SIGINT, SIGINT}), testing::ExitedWithCode(130), "^$");
}

TEST(StopDeathTest, HasNoReasonBeforeASignal) {
  EXPECT_EXIT(receive({}), testing::ExitedWithCode(0), "stopped by ''");
}

}  // namespace diffuse
