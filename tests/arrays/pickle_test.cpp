#include "src/arrays/pickle.h"

#include <gtest/gtest.h>

#include <string>

#include "diffuse/core/error.h"

namespace diffuse {
namespace {

using namespace std::string_literals;

std::string pickle_failure(const std::string& bytes) {
  try {
    parse_pickle(bytes);
  } catch (const PickleError& error) {
    return error.what();
  }
  return "";
}

std::string text(const std::string& value) {
  std::string length;
  for (int i = 0; i < 4; ++i) length += static_cast<char>(value.size() >> (8 * i));
  return "X" + length + value;
}

// A storage of this type and key, memoised as 1.
std::string storage(const std::string& type, const std::string& key) {
  return concat("(", text("storage"), "ctorch\n", type, "\n", text(key), text("cpu"),
                "K\x01tQq\x01");
}

// What is referred to is copied, so what may be long must not be referred to often.
TEST(ParsePickle, BoundsWhatEveryTensorCopies) {
  EXPECT_EQ(pickle_failure(storage("FloatStorage", std::string(100, '7')) + "."), "");
  EXPECT_EQ(pickle_failure(storage("FloatStorage", std::string(101, '7')) + "."),
            "corrupt pickle: a storage key that is too long");
  EXPECT_EQ(pickle_failure(storage(concat(std::string(100, 'x'), "Storage"), "0") + "."),
            concat("refused to load torch.", std::string(100, 'x'),
                   "Storage: expected only dicts, lists, text, numbers and tensors"));
  const auto tensor = [](size_t dimensions) {
    std::string sizes = "(";
    for (size_t i = 0; i < dimensions; ++i) sizes += "K\x01";
    return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage("FloatStorage", "0") + "K\0"s + sizes +
           "t" + sizes + "t\x89}tR.";
  };
  EXPECT_EQ(pickle_failure(tensor(64)), "");
  EXPECT_EQ(pickle_failure(tensor(65)), "corrupt pickle: too many dimensions");
}

TEST(ParsePickle, BoundsTheMemoryOfObjects) {
  const std::string too_far = "unfolds to far more than the file's size";
  EXPECT_EQ(pickle_failure(concat(std::string(100'000, 'N'), ".")), "");
  EXPECT_EQ(pickle_failure(concat(std::string(1'000'000, 'N'), ".")), too_far);
  EXPECT_EQ(pickle_failure(concat("N", std::string(1'000'000, '\x94'), ".")), "");  // MEMOIZE
  // A tensor of 64 dimensions in 5 bytes.
  std::string ones = "(";
  for (int i = 0; i < 64; ++i) ones += "K\x01";
  std::string tensors = "ctorch._utils\n_rebuild_tensor_v2\nq\x02(" + storage("FloatStorage", "0") +
                        "K\0"s + ones + "t" + ones + "t\x89}tq\x03";
  for (int i = 0; i < 100'000; ++i) tensors += "h\x02h\x03R";
  EXPECT_EQ(pickle_failure(tensors + "."), too_far);
}

TEST(ParsePickle, RefusesInOneLine) {
  const std::string named = text("torch") + text("a\nbStorage") + "\x93";  // STACK_GLOBAL
  EXPECT_EQ(pickle_failure(named + ")R."), "corrupt pickle: wrong arguments of torch.a?bStorage");
}

}  // namespace
}  // namespace diffuse
