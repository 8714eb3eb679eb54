#include "src/core/whole_number.h"

#include <gtest/gtest.h>

namespace diffuse {

TEST(WholeNumber, IsTenHoweverItIsWritten) {
  for (const char* text : {"10", "010", "0010", "+10", "1e1", "1E+1", "10.0", "10.", "0.1e2",
                           "100e-1", "100.00e-1", ".1e2", "0xa", "0X0A", " 10", "10\n", "\t10 "}) {
    EXPECT_EQ(parse_unsigned(text), 10u) << text;
    EXPECT_EQ(parse_integer(text), 10) << text;
  }
  EXPECT_EQ(parse_integer("-010"), -10);
  EXPECT_EQ(parse_integer("-1e1"), -10);
}

TEST(WholeNumber, MayBeZero) {
  for (const char* text : {"0", "000", "0.0", "0e9", "0e-9", "-0", "0x0"})
    EXPECT_EQ(parse_integer(text), 0) << text;
}

TEST(WholeNumber, IsExactUpToWhat64BitsHold) {
  EXPECT_EQ(parse_unsigned("9007199254740993"), 9007199254740993u);  // 2^53 + 1: no double
  EXPECT_EQ(parse_unsigned("9007199254740993.0"), 9007199254740993u);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_unsigned("1.8446744073709551615e19"), UINT64_MAX);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_integer("-9223372036854775808"), INT64_MIN);
}

TEST(WholeNumber, IsNothingBeyond64Bits) {
  for (const char* text : {"18446744073709551616", "99999999999999999999999", "1e20", "1e30",
                           "1e999999999999", "0x10000000000000000"})
    EXPECT_FALSE(parse_unsigned(text)) << text;
  EXPECT_FALSE(parse_integer("9223372036854775808"));
  EXPECT_FALSE(parse_integer("-9223372036854775809"));
}

TEST(WholeNumber, IsNoOtherText) {
  for (const char* text :
       {"",      "-",      "+",   ".",     "e",   "e3",    "1e",    "1e+-3", "1.5", "1e-1",
        "10.01", "0.5e-1", "ten", "1 0",   "- 1", "1,000", "1_000", "1.0.0", "--1", "+-1",
        "-+1",   "++1",    "0x",  "0x1.8", "0b1", "inf",   "nan",   "1e1.0"})
    EXPECT_FALSE(parse_integer(text)) << text;
  EXPECT_FALSE(parse_unsigned("-1"));
}

TEST(RealNumber, IsAHalfHoweverItIsWritten) {
  for (const char* text : {"0.5", ".5", "+.5", "5e-1", "5E-1", "00.50", " 0.5", "0.5 ", "0x.8"})
    EXPECT_EQ(parse_real(text), 0.5) << text;
  EXPECT_EQ(parse_real("5."), 5);
  EXPECT_EQ(parse_real("-1e3"), -1000);
  for (const char* text : {"0", "-0", "0.0", "0e5", ".0"}) EXPECT_EQ(parse_real(text), 0) << text;
}

TEST(RealNumber, IsNothingThatADoubleDoesNotHold) {
  for (const char* text : {"1e400", "-1e400", "1e-400", "inf", "-inf", "nan", "Infinity"})
    EXPECT_FALSE(parse_real(text)) << text;
  EXPECT_EQ(parse_real("1e-310"), 1e-310);
}

TEST(RealNumber, IsNoOtherText) {
  for (const char* text : {"", " ", ".", "e3", "1_0", "0,5", "1/2", "50%", "0.5x", "1.0.0", "half"})
    EXPECT_FALSE(parse_real(text)) << text;
}

}  // namespace diffuse
