#include "src/io/pickle.h"

#include <gtest/gtest.h>

#include <string>

#include "diffuse/core/error.h"

namespace diffuse {
namespace {

using namespace std::string_literals;

std::string failure(const std::string& bytes) {
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
  EXPECT_EQ(failure(storage("FloatStorage", std::string(100, '7')) + "."), "");
  EXPECT_EQ(failure(storage("FloatStorage", std::string(101, '7')) + "."),
            "corrupt pickle: a storage key of that length");
  EXPECT_EQ(failure(storage(std::string(100, 'x') + "Storage", "0") + "."),
            "refused to load torch." + std::string(74, 'x') +
                ": expected only dicts, lists, text, numbers and tensors");
  const auto tensor = [](size_t dimensions) {
    std::string sizes = "(";
    for (size_t i = 0; i < dimensions; ++i) sizes += "K\x01";
    return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage("FloatStorage", "0") + "K\0"s + sizes +
           "t" + sizes + "t\x89}tR.";
  };
  EXPECT_EQ(failure(tensor(64)), "");
  EXPECT_EQ(failure(tensor(65)), "corrupt pickle: too many dimensions");
}

TEST(ParsePickle, BoundsTheNumberOfObjects) {
  const std::string many(4 << 20, 'N');
  EXPECT_EQ(failure(many + "."), "");
  EXPECT_EQ(failure(many + "N."), "too many objects");
}

}  // namespace
}  // namespace diffuse
