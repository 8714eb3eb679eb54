#include "src/core/log.h"

#include <gtest/gtest.h>

namespace diffuse {

// What the four calls print at a level, without the time of day in front of each line.
static std::string printed_at(LogLevel level) {
  set_log_level(level);
  testing::internal::CaptureStderr();
  log_debug("d");
  log_info("i");
  log_warning("w");
  log_error("e");
  std::string text = testing::internal::GetCapturedStderr();
  set_log_level(LogLevel::kInfo);
  std::string shown;
  for (size_t start = 0; start < text.size(); start = text.find('\n', start) + 1)
    shown += text.substr(start + 9, text.find('\n', start) - start - 9) + "|";
  return shown;
}

TEST(Log, PrintsFromItsLevelUp) {
  EXPECT_EQ(printed_at(LogLevel::kDebug), "debug d|info i|warning w|error e|");
  EXPECT_EQ(printed_at(LogLevel::kInfo), "info i|warning w|error e|");
  EXPECT_EQ(printed_at(LogLevel::kWarning), "warning w|error e|");
  EXPECT_EQ(printed_at(LogLevel::kError), "error e|");
}

TEST(Log, PutsThePrefixInFront) {
  set_log_prefix("rank 3");
  EXPECT_EQ(printed_at(LogLevel::kError), "error [rank 3] e|");
  set_log_prefix("");
  EXPECT_EQ(printed_at(LogLevel::kError), "error e|");
}

TEST(Log, TakesBracesLiterally) {
  testing::internal::CaptureStderr();
  log_error("{} {0} %d");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("{} {0} %d"), std::string::npos);
}

}  // namespace diffuse
