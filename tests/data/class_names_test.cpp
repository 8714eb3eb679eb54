#include "src/data/class_names.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/data/tensor_dataset.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

using Names = std::vector<std::string>;
using Numbers = std::vector<int64_t>;

std::string refusal(const Names& data, const Names& model) {
  return message_of([&] { map_classes(data, model, "photos"); });
}

TEST(ClassNames, OfBytesThatAreNoUtf8StayApart) {
  const auto set = make_tensor_dataset(at::zeros({3, 2}), SampleKind::kPoint, {0, 1, 2},
                                       {"\xe9", "\xe8", "cat"});
  EXPECT_EQ(class_names_of(*set), (Names{"\uFFFD", "\uFFFD-2", "cat"}));
}

TEST(ClassNames, ThatAreTheSameKeepTheirNumbersWithoutAWord) {
  const ClassMap map = map_classes({"cat", "dog"}, {"cat", "dog"}, "photos");
  EXPECT_EQ(map.numbers, (Numbers{0, 1}));
  EXPECT_EQ(map.note, "");
}

TEST(ClassNames, InAnotherOrderOrFewerAreFoundByName) {
  EXPECT_EQ(map_classes({"cat", "dog"}, {"dog", "cat"}, "photos").numbers, (Numbers{1, 0}));
  const ClassMap fewer = map_classes({"dog"}, {"ant", "cat", "dog"}, "photos");
  EXPECT_EQ(fewer.numbers, (Numbers{2}));
  EXPECT_EQ(fewer.note,
            "classes are matched by name, as the model's list differs; not in the data: ant, cat");
}

TEST(ClassNames, ThatTheModelDoesNotKnowAreRefused) {
  EXPECT_EQ(refusal({"dog", "fox"}, {"cat", "dog"}),
            "photos: classes differ from the model's; not in the model: fox; not in the data: cat");
  EXPECT_EQ(refusal({"cat", "dog", "fox"}, {"cat", "dog"}),
            "photos: classes differ from the model's; not in the model: fox");
  EXPECT_EQ(refusal({"Cat"}, {"cat"}),
            "photos: classes differ from the model's; not in the model: Cat; not in the data: cat");
}

TEST(ClassNames, GoByNumberWhereOneSideHasNothingElse) {
  EXPECT_EQ(map_classes({"0", "1"}, {"cat", "dog", "fox"}, "x.npz").numbers, (Numbers{0, 1}));
  EXPECT_EQ(map_classes({"cat", "dog"}, {"0", "1"}, "photos").note,
            "the model's classes have only numbers: cat is read as 0, and so on");
  EXPECT_NE(refusal({"0", "1", "2"}, {"cat", "dog"}), "");
  EXPECT_NE(refusal({"cat", "dog", "fox"}, {"0", "1"}), "");
}

TEST(ClassNames, OfManyListsTheFirst) {
  Names many;
  for (int i = 0; i < 12; ++i) many.push_back(concat('a' + i));
  EXPECT_EQ(class_difference(many, {"cat"}),
            "not in the model: 97, 98, 99, 100, 101, 102, 103, 104, 105, 106 ... (12); "
            "not in the data: cat");
}

TEST(ClassNames, OfADatasetBecomeTheModels) {
  const auto plain =
      make_tensor_dataset(at::zeros({3, 2}), SampleKind::kPoint, {0, 1, 0}, {"dog", "fox"});
  const auto set = with_classes(plain, {{2, 0}, ""}, {"fox", "cat", "dog"});
  EXPECT_EQ(set->class_names(), (Names{"fox", "cat", "dog"}));
  EXPECT_EQ(set->label(0), 2);
  EXPECT_EQ(set->label(1), 0);
  EXPECT_EQ(set->gather(Numbers{0, 1}).sizes(), (at::IntArrayRef{2, 2}));
}

TEST(ClassNames, AreUtf8WhateverTheFoldersAreCalled) {
  const auto set = make_tensor_dataset(at::zeros({2, 2}), SampleKind::kPoint, {0, 1},
                                       {"h\xe4schen", "\xc3\xa9t\xc3\xa9"});
  EXPECT_EQ(class_names_of(*set), (Names{"h\xef\xbf\xbdschen", "\xc3\xa9t\xc3\xa9"}));
}

}  // namespace
}  // namespace diffuse
