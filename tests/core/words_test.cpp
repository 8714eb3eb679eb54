#include "diffuse/core/words.h"

#include <gtest/gtest.h>

#include "tests/message_of.h"

namespace diffuse {

enum class Fruit { kApple, kPear, kPlum };
template <>
struct Words<Fruit> {
  using enum Fruit;
  static constexpr Word<Fruit> list[]{{kApple, "apple"}, {kPear, "pear"}, {kPlum, "plum"}};
};

enum class Swapped { kFirst, kSecond };
template <>
struct Words<Swapped> {
  using enum Swapped;
  static constexpr Word<Swapped> list[]{{kSecond, "second"}, {kFirst, "first"}};
};

namespace {

static_assert(Worded<Fruit> && !Worded<int>);
static_assert(is_in_order<Fruit>() && !is_in_order<Swapped>());

TEST(Words, AreWrittenAndReadByOneTable) {
  EXPECT_EQ(words_of<Fruit>(), (std::vector<std::string>{"apple", "pear", "plum"}));
  EXPECT_EQ(word_of(Fruit::kPear), "pear");
  EXPECT_EQ(concat(Fruit::kApple, "/", Fruit::kPlum), "apple/plum");
  EXPECT_EQ(find_word<Fruit>("plum"), Fruit::kPlum);
  EXPECT_EQ(find_word<Fruit>("plums"), std::nullopt);
  EXPECT_EQ(parse_word<Fruit>("pear", "--fruit"), Fruit::kPear);
}

TEST(Words, RefuseOthersByName) {
  EXPECT_EQ(message_of([] { parse_word<Fruit>("aple", "--fruit"); }),
            "--fruit: expected one of apple, pear, plum, got \"aple\"; did you mean \"apple\"?");
  EXPECT_EQ(message_of([] { parse_word<Fruit>("", "--fruit"); }),
            "--fruit: expected one of apple, pear, plum, got \"\"");
}

}  // namespace
}  // namespace diffuse
