#include "diffuse/train/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"

namespace diffuse {

static ValueDict whole() {
  return {{"format", Value{std::string("diffuse")}},
          {"version", Value{int64_t{1}}},
          {"config", Value{std::string("{}")}},
          {"step", Value{int64_t{7}}},
          {"model", Value{ValueDict{{"a", Value{at::ones({2})}}, {"b", Value{at::ones({3})}}}}}};
}

// `whole` with another value under a key; without it where the value is null.
static ValueDict with(const std::string& key, const Value& value) {
  ValueDict dict = whole();
  std::erase_if(dict, [&](const auto& entry) { return entry.first == key; });
  if (!std::holds_alternative<std::monostate>(value.data)) dict.emplace_back(key, value);
  return dict;
}

TEST(Checkpoint, IsReadWhole) {
  const Checkpoint checkpoint = parse_checkpoint("x.pt", whole());
  EXPECT_EQ(checkpoint.step, 7);
  EXPECT_EQ(checkpoint.config.train.steps, Config{}.train.steps);
  const auto tensors =
      section_tensors(checkpoint, "model", {{"b", at::empty({3})}, {"a", at::empty({2})}});
  EXPECT_EQ(tensors[0].numel(), 3);
  EXPECT_EQ(tensors[1].numel(), 2);
}

TEST(Checkpoint, NamesTheFileAndWhatIsWrong) {
  const auto refused = [](const std::string& key, const Value& value) {
    return message_of([&] { parse_checkpoint("x.pt", with(key, value)); });
  };
  EXPECT_EQ(refused("format", {}),
            "x.pt: expected the text \"diffuse\" under \"format\", found none");
  EXPECT_EQ(refused("format", {std::string("other")}), "x.pt: not a diffuse checkpoint");
  EXPECT_EQ(refused("version", {int64_t{2}}),
            "x.pt: checkpoint version 2; this program reads version 1");
  EXPECT_EQ(refused("version", {1.0}),
            "x.pt: expected an integer under \"version\", found another kind of value");
  EXPECT_EQ(refused("config", {std::string("{\"seed\": -1}")}),
            "x.pt: /seed: expected an integer >= 0, got -1");
  EXPECT_EQ(refused("step", {}), "x.pt: expected an integer under \"step\", found none");
}

TEST(Checkpoint, ListsHowTensorsDifferFromTheNetworks) {
  const Checkpoint checkpoint = parse_checkpoint("x.pt", whole());
  EXPECT_EQ(message_of([&] { section_tensors(checkpoint, "ema", {}); }),
            "x.pt: expected a dict under \"ema\", found none");
  EXPECT_EQ(message_of([&] {
              section_tensors(checkpoint, "model", {{"a", at::empty({4})}, {"c", at::empty({1})}});
            }),
            "x.pt: \"model\" does not fit the configured network (3 differences): a is [2], the "
            "network wants [4]; c is missing; b is not part of the network");
}

}  // namespace diffuse
