#include "diffuse/core/error.h"

#include <gtest/gtest.h>

namespace diffuse {

TEST(DidYouMean, NamesTheNearestCandidate) {
  const std::vector<std::string> keys{"steps", "batch_size", "beta1", "beta2"};
  EXPECT_EQ(did_you_mean("step", keys), "; did you mean \"steps\"?");
  EXPECT_EQ(did_you_mean("batchsize", keys), "; did you mean \"batch_size\"?");
  EXPECT_EQ(did_you_mean("stesp", keys), "; did you mean \"steps\"?");
  EXPECT_EQ(did_you_mean("beta", keys), "; did you mean \"beta1\"?");  // the first of equals
}

TEST(DidYouMean, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(did_you_mean("zzzzzzzz", {"steps", "batch_size"}), "");
  EXPECT_EQ(did_you_mean("step", {}), "");
}

TEST(Join, SeparatesWords) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(join({"a", "b"}, " or "), "a or b");
}

TEST(Error, IsItsPartsWrittenOneAfterTheOther) {
  EXPECT_STREQ(Error("x.json: /seed: got ", 1.5, ", not ", 2).what(),
               "x.json: /seed: got 1.5, not 2");
}

}  // namespace diffuse
