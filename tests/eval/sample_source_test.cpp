#include "src/eval/sample_source.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/fixed_items.h"
#include "tests/message_of.h"
#include "tests/oracle_model.h"

namespace diffuse {
namespace {

// Six points of three classes in pairs, each with the vector (10 i).
class Classified : public FixedItems {
 public:
  explicit Classified(int64_t n = 6) : FixedItems(at::zeros({n, 2})) {}
  std::vector<std::string> class_names() const override { return {"a", "b", "c"}; }
  int64_t label(int64_t index) const override { return index / 2; }
  at::Tensor condition(std::span<const int64_t> indices) const override {
    std::vector<float> rows;
    for (const int64_t i : indices) rows.push_back(10.0F * static_cast<float>(i));
    return at::tensor(rows).view({-1, 1});
  }
  std::vector<int64_t> condition_shape() const override { return {1}; }
};

Model model_of(ConditionType type) {
  Config config;
  config.condition.type = type;
  config.model.sample_shape = {2};
  config.model.sample_kind = SampleKind::kPoint;
  config.model.classes = 3;
  config.diffusion.timesteps = 20;
  return oracle_model(config);
}

GenerateOptions three_classes() {
  GenerateOptions options;
  options.classes = 3;
  return options;
}

// Of three samples the last two: those of items 2 and 4.
TEST(SampleSource, GivesAConditionTheClassOfItsItem) {
  const GenerateOptions options = with_conditioning(
      three_classes(), model_of(ConditionType::kVector), Classified(), {1, 2, 3}, 0);
  EXPECT_TRUE(at::equal(options.labels, at::tensor({1, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(options.condition, at::tensor({20.0f, 1.0f, 40.0f, 1.0f}).view({2, 2})));
}

TEST(SampleSource, GivesClassesInTurnWithoutACondition) {
  const GenerateOptions options = with_conditioning(three_classes(), model_of(ConditionType::kNone),
                                                    Classified(0), {2, 4, 9}, 0);
  EXPECT_TRUE(at::equal(options.labels, at::tensor({2, 0, 1, 2}, at::kLong)));
  EXPECT_FALSE(options.condition.defined());
}

TEST(SampleSource, NeedsItemsForConditions) {
  EXPECT_EQ(message_of([] {
              with_conditioning({}, model_of(ConditionType::kVector), Classified(0), {0, 1, 1}, 0);
            }),
            "/data/held_out: model is given the conditions of items, but this part of the data has "
            "none");
}

}  // namespace
}  // namespace diffuse
