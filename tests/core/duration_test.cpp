#include "src/core/duration.h"

#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "tests/message_of.h"

namespace diffuse {

TEST(ParseDuration, SumsItsUnits) {
  EXPECT_EQ(parse_duration("3h50m"), 13800);
  EXPECT_EQ(parse_duration("90s"), 90);
  EXPECT_EQ(parse_duration("1d2h"), 93600);
  EXPECT_EQ(parse_duration("1d2h3m4s"), 93784);
  EXPECT_EQ(parse_duration("1.5h"), 5400);
  EXPECT_EQ(parse_duration("0s"), 0);
}

TEST(ParseDuration, TakesABareNumberAsSeconds) {
  EXPECT_EQ(parse_duration("45"), 45);
  EXPECT_EQ(parse_duration("0.5"), 0.5);
}

TEST(ParseDuration, RefusesAllElseNamingWhatIsWanted) {
  for (const char* text : {"", "h", "3x", "3h50", "50m3h", "1h1h", "-1h", "+1h", "-0", "1h-1m",
                           "3 h", " 45", "45 ", "1e3", "inf", "nan", "3:50", "3hm", "0x10"})
    EXPECT_EQ(
        message_of([&] { parse_duration(text); }),
        concat("expected a duration such as 3h50m, 90s, 1d2h or 45 (seconds), got \"", text, "\""));
}

TEST(FormatDuration, ShowsTheTwoLargestUnits) {
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(45.4), "45s");
  EXPECT_EQ(format_duration(59.7), "1m00s");
  EXPECT_EQ(format_duration(130), "2m10s");
  EXPECT_EQ(format_duration(3599.6), "1h00m");
  EXPECT_EQ(format_duration(13830), "3h50m");
  EXPECT_EQ(format_duration(93600), "1d02h");
  EXPECT_EQ(format_duration(8640000), "100d00h");
}

TEST(FormatDuration, IsAQuestionMarkWhenThereIsNone) {
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(1.0 / 0.0), "?");
  EXPECT_EQ(format_duration(0.0 / 0.0), "?");
}

TEST(FormatDuration, IsReadBackByParseDuration) {
  for (const double seconds : {0.0, 59.0, 130.0, 13800.0, 93600.0})
    EXPECT_EQ(parse_duration(format_duration(seconds)), seconds);
}

}  // namespace diffuse
