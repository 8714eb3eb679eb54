#include "src/core/progress.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "src/core/log.h"

namespace diffuse {

TEST(RateMeter, KnowsNothingBeforeASecondMark) {
  RateMeter meter;
  EXPECT_EQ(meter.rate(), 0);
  meter.add(5, 100);
  EXPECT_EQ(meter.rate(), 0);
  meter.add(7, 120);
  EXPECT_DOUBLE_EQ(meter.rate(), 10);
}

TEST(RateMeter, KnowsNothingOfAMoment) {
  RateMeter meter;
  meter.add(5, 0);
  meter.add(5.01, 40);
  EXPECT_EQ(meter.rate(), 0);
  meter.add(5.1, 41);
  EXPECT_GT(meter.rate(), 400);
}

TEST(RateMeter, ForgetsWhatIsOlderThanItsWindow) {
  RateMeter meter;
  for (int second = 0; second <= 100; ++second) meter.add(second, second);  // 1 a second
  for (int second = 101; second <= 140; ++second) meter.add(second, 100 + (second - 100) * 50);
  EXPECT_DOUBLE_EQ(meter.rate(), 50);
}

TEST(RateMeter, KeepsAPaceSlowerThanItsWindow) {
  RateMeter meter;
  for (int i = 0; i < 5; ++i) meter.add(100.0 * i, i);
  EXPECT_DOUBLE_EQ(meter.rate(), 0.01);
}

TEST(FormatProgress, ShowsRateTimeLeftAndText) {
  EXPECT_EQ(format_progress({"step", 1200, 3000, 12.34, "loss 0.0312"}),
            "1200/3000 steps, 12.3 steps/s, ETA 2m26s, loss 0.0312");
  EXPECT_EQ(format_progress({"image", 8, 64, 250, ""}), "8/64 images, 250 images/s, ETA 0s");
  EXPECT_EQ(format_progress({"step", 1, 4, 0.25, ""}), "1/4 steps, 4.0 s/step, ETA 12s");
}

TEST(FormatProgress, LeavesOutWhatIsUnknown) {
  EXPECT_EQ(format_progress({"step", 0, 10, 0, ""}), "0/10 steps");
  EXPECT_EQ(format_progress({"step", 7, 0, 2, ""}), "7 steps, 2.0 steps/s");
  EXPECT_EQ(format_progress({"step", 10, 10, 2, ""}), "10/10 steps, 2.0 steps/s");
}

TEST(FormatBar, FillsByTheShareDone) {
  EXPECT_EQ(format_bar({"step", 0, 4, 0, ""}, 22), "[>         ] 0/4 steps");
  EXPECT_EQ(format_bar({"step", 2, 4, 0, ""}, 22), "[=====>    ] 2/4 steps");
  EXPECT_EQ(format_bar({"step", 4, 4, 0, ""}, 22), "[==========] 4/4 steps");
  EXPECT_EQ(format_bar({"step", 9, 4, 0, ""}, 22), "[==========] 9/4 steps");
}

TEST(FormatBar, NeverExceedsTheWidth) {
  const ProgressState state{"step", 1200, 3000, 12.34, "loss 0.0312"};
  for (int width = 0; width < 200; ++width)
    EXPECT_LE(format_bar(state, width).size(), static_cast<size_t>(width));
  EXPECT_EQ(format_bar(state, 9), "1200/3000");  // no room for a bar
}

TEST(Progress, LogsPlainLinesWhereThereIsNoTerminal) {
  testing::internal::CaptureStderr();
  Progress progress({.unit = "image", .total = 4, .interval = 0});
  progress.update(2, "x");
  progress.update(4, "y");
  progress.finish();
  progress.finish();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("info 2/4 images"), std::string::npos) << text;
  EXPECT_NE(text.find("info 4 images in 0s, y\n"), std::string::npos) << text;  // no rate
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Progress, WaitsBetweenPlainLines) {
  testing::internal::CaptureStderr();
  {
    Progress progress({.total = 100, .interval = 3600});
    for (int i = 1; i <= 100; ++i) progress.update(i);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// What `act` writes to a stderr that is a terminal of the given kind.
static std::string on_terminal(const char* term, const std::function<void()>& act) {
  int reader = -1, terminal = -1;
  if (openpty(&reader, &terminal, nullptr, nullptr, nullptr) != 0) return "no terminal";
  const int saved = dup(STDERR_FILENO);
  dup2(terminal, STDERR_FILENO);
  setenv("TERM", term, 1);
  act();
  dup2(saved, STDERR_FILENO);
  for (const int file : {saved, terminal}) close(file);
  std::string text;  // may come in parts; fails once all is read, as nobody holds the other end
  char part[4096];
  for (ssize_t size; (size = read(reader, part, sizeof part)) > 0;)
    text.append(part, static_cast<size_t>(size));
  close(reader);
  return text;
}

TEST(Progress, DrawsOneLineOnATerminalAndErasesIt) {
  const std::string text = on_terminal("xterm", [] {
    Progress progress({.total = 4});
    progress.update(2);
    progress.clear();
    progress.clear();
  });
  if (text == "no terminal") GTEST_SKIP() << "no pseudo-terminals here";
  EXPECT_EQ(text.substr(0, 3), "\r[=") << text;
  EXPECT_NE(text.find("] 2/4 steps"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\x1b[K\r\x1b[K")) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

TEST(Progress, DrawsNoBarOnADumbTerminal) {
  const std::string text = on_terminal("dumb", [] {
    Progress progress({.total = 4, .interval = 0});
    progress.update(2);
  });
  if (text == "no terminal") GTEST_SKIP() << "no pseudo-terminals here";
  EXPECT_NE(text.find("info 2/4 steps"), std::string::npos) << text;
  EXPECT_EQ(text.find("=>"), std::string::npos) << text;
}

TEST(Progress, PrintsNothingBelowTheInfoLevel) {
  set_log_level(LogLevel::kWarning);
  testing::internal::CaptureStderr();
  Progress progress({.total = 1, .interval = 0});
  progress.update(1);
  progress.finish();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  set_log_level(LogLevel::kInfo);
}

}  // namespace diffuse
