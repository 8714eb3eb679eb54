#include "src/data/condition.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/data/condition_mask.h"
#include "tests/fixed_items.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

ConditionConfig of_type(ConditionType type) { return {.type = type}; }

ConditionConfig mask_of(MaskKind kind, double share = 0.5) {
  ConditionConfig config = of_type(ConditionType::kMask);
  config.mask = kind;
  config.share = share;
  return config;
}

FixedItems images(int64_t channels, int64_t side) {
  return FixedItems(at::zeros({2, channels, side, side}), SampleKind::kImage);
}

// Keys' cubic with a = -3/4 at distances 1/4, 3/4, 5/4 and 7/4: w(1/4) = 5/4 / 64 - 9/4 / 16 + 1 and so on. Column 3
// of the area means is 1, the others are 0.
// The cubic gives -9/256, -27/256, 67/256 and 225/256 beside a line; each pair is then moved to its mean.
TEST(Condition, DownscaledIsTheAreaMeanEnlargedByACubicThatKeepsIt) {
  at::Tensor x = at::zeros({1, 1, 12, 12});
  x.select(3, 6).fill_(0.5);
  x.select(3, 7).fill_(1.5);
  ConditionConfig config = of_type(ConditionType::kDownscale);
  config.factor = 2;
  const at::Tensor found = condition_of(config, x, {}, consecutive_keys(0, 0, 1));
  const at::Tensor row =
      at::tensor({0.0f, 0.0f, 0.017578125f, -0.017578125f, -0.18359375f, 0.18359375f, 1.0f, 1.0f,
                  0.18359375f, -0.18359375f, -0.017578125f, 0.017578125f});
  EXPECT_TRUE(at::allclose(found, row.expand_as(found), 0, 1e-6)) << found[0][0][5];
}

TEST(Condition, GreyIsTheLuminance) {
  const at::Tensor x = at::tensor({1.0f, -1.0f, 0.5f}).view({1, 3, 1, 1}).expand({1, 3, 2, 2});
  const at::Tensor grey =
      condition_of(of_type(ConditionType::kGrey), x, {}, consecutive_keys(0, 0, 1));
  EXPECT_EQ(grey.sizes(), at::IntArrayRef({1, 1, 2, 2}));
  EXPECT_NEAR(grey[0][0][1][1].item<double>(), 0.299 - 0.587 + 0.057, 1e-6);
}

TEST(Condition, OfAMaskIsTheKnownValuesAndTheMask) {
  const at::Tensor x = at::full({3, 2, 8, 8}, 0.5);
  const ConditionConfig config = mask_of(MaskKind::kCentre);
  const at::Tensor found = condition_of(config, x, {}, consecutive_keys(1, 0, 3));
  at::Tensor known = at::ones({3, 1, 8, 8});
  known.slice(2, 2, 6).slice(3, 2, 6).zero_();
  EXPECT_TRUE(at::equal(found, at::cat({0.5 * known, 0.5 * known, known}, 1)));
}

TEST(Condition, ForecastHidesTheEndOfAllChannels) {
  ConditionConfig config = mask_of(MaskKind::kForecast);
  config.horizon = 3;
  const at::Tensor mask = draw_masks(config, {2, 8}, consecutive_keys(1, 0, 2));
  at::Tensor known = at::ones({2, 2, 8});
  known.slice(2, 5).zero_();
  EXPECT_TRUE(at::equal(mask, known));
}

TEST(Condition, HidesSomeChannelsWholeAndNeverAll) {
  const at::Tensor mask =
      draw_masks(mask_of(MaskKind::kChannels), {3, 5}, consecutive_keys(1, 0, 300));
  EXPECT_TRUE(at::equal(mask, mask.select(2, 0).unsqueeze(2).expand_as(mask)));
  const at::Tensor known = mask.select(2, 0).sum(1);
  EXPECT_EQ(known.min().item<double>(), 1);
  EXPECT_EQ(known.max().item<double>(), 2);
}

// 100 x 400 numbers of probability 1/4: the mean's standard deviation is 0.0022.
TEST(Condition, HidesTheShareOfNumbersAtRandom) {
  const auto keys = consecutive_keys(1, 0, 100);
  const at::Tensor quarter = draw_masks(mask_of(MaskKind::kRandom, 0.25), {1, 400}, keys);
  EXPECT_NEAR(1 - quarter.mean().item<double>(), 0.25, 0.01);
  const at::Tensor shares =
      1 - draw_masks(mask_of(MaskKind::kRandom, 0), {1, 400}, keys).flatten(1).mean(1);
  EXPECT_LT(shares.min().item<double>(), 0.1);
  EXPECT_GT(shares.max().item<double>(), 0.9);
  EXPECT_NEAR(shares.mean().item<double>(), 0.5, 0.12);  // 4 standard deviations
}

TEST(Condition, HidesBoxesOfAtMostTheShare) {
  const at::Tensor unknown =
      1 - draw_masks(mask_of(MaskKind::kBoxes), {3, 16, 16}, consecutive_keys(1, 0, 200));
  EXPECT_EQ(unknown.sizes(), at::IntArrayRef({200, 1, 16, 16}));
  const at::Tensor area = unknown.flatten(1).sum(1);
  EXPECT_GE(area.min().item<double>(), 1);
  EXPECT_LE(area.max().item<double>(), 3 * 8 * 8);
  EXPECT_TRUE((unknown.sum(0) > 0).all().item<bool>());  // anywhere
}

TEST(Condition, OfARowDependsOnItsKeyAlone) {
  ConditionConfig config = of_type(ConditionType::kDownscale);
  config.factor = 2;
  config.noise = 0.3;
  config.dropout = 0.4;
  const at::Tensor x = at::rand({10, 1, 4, 4});
  for (const ConditionConfig& c : {config, mask_of(MaskKind::kBoxes)}) {
    const at::Tensor all = training_condition(c, x, {}, consecutive_keys(7, 0, 10));
    const at::Tensor some = training_condition(c, x.slice(0, 4, 7), {}, consecutive_keys(7, 4, 3));
    EXPECT_TRUE(at::equal(all.slice(0, 4, 7), some));
  }
}

// Of 1000 rows 300 with a standard deviation of 14.5.
TEST(Condition, IsDroppedInItsShareOfRows) {
  ConditionConfig config = of_type(ConditionType::kGrey);
  config.dropout = 0.3;
  const at::Tensor x = at::ones({1000, 3, 1, 1});
  const at::Tensor found = training_condition(config, x, {}, consecutive_keys(7, 0, 1000));
  EXPECT_NEAR((found == 0).sum().item<double>(), 300, 60);
  EXPECT_NEAR(found.max().item<double>(), 1, 1e-6);
}

// Each row's noise has the standard deviation that its last channel tells.
TEST(Condition, TellsTheLevelOfItsNoise) {
  ConditionConfig config = of_type(ConditionType::kGrey);
  config.noise = 0.5;
  const at::Tensor x = at::zeros({20, 3, 64, 64});
  const at::Tensor plain = condition_of(config, x, {}, consecutive_keys(7, 0, 20));
  EXPECT_TRUE(at::equal(plain, at::zeros({20, 2, 64, 64})));
  const at::Tensor found = training_condition(config, x, {}, consecutive_keys(7, 0, 20));
  const at::Tensor level = found.select(1, 1).flatten(1);
  EXPECT_TRUE(at::equal(level, level.narrow(1, 0, 1).expand_as(level)));
  EXPECT_GT(level.max().item<double>() - level.min().item<double>(), 0.5);
  const at::Tensor spread = found.select(1, 0).flatten(1).std(1);
  EXPECT_TRUE(at::allclose(spread, 0.5 * level.select(1, 0), 0.06, 1e-6));
}

TEST(Condition, OfAVectorEndsWithAOne) {
  const at::Tensor v = at::tensor({2.0f, -3.0f}).view({1, 2});
  const at::Tensor found = condition_of(of_type(ConditionType::kVector), at::zeros({1, 2}), v,
                                        consecutive_keys(0, 0, 1));
  EXPECT_TRUE(at::equal(found, at::tensor({2.0f, -3.0f, 1.0f}).view({1, 3})));
}

TEST(Condition, IsShownAsASample) {
  const at::Tensor grey = at::rand({2, 1, 4, 4});
  EXPECT_TRUE(at::equal(shown_condition(of_type(ConditionType::kGrey), grey, 3),
                        grey.expand({2, 3, 4, 4})));
  const at::Tensor masked = at::rand({2, 4, 4, 4});
  EXPECT_TRUE(
      at::equal(shown_condition(mask_of(MaskKind::kBoxes), masked, 3), masked.narrow(1, 0, 3)));
  EXPECT_FALSE(shown_condition(of_type(ConditionType::kVector), at::ones({2, 4}), 3).defined());
}

TEST(Condition, HasTheChannelsOfItsType) {
  const auto channels = [](ConditionConfig config, const Dataset& data) {
    return with_condition_of({}, config, data).condition_channels;
  };
  EXPECT_EQ(channels({}, images(3, 8)), 0);
  EXPECT_EQ(channels(of_type(ConditionType::kDownscale), images(3, 8)), 3);
  EXPECT_EQ(channels(of_type(ConditionType::kGrey), images(3, 8)), 1);
  EXPECT_EQ(channels(mask_of(MaskKind::kBoxes), images(3, 8)), 4);
  EXPECT_EQ(
      channels(mask_of(MaskKind::kRandom), FixedItems(at::zeros({2, 3, 8}), SampleKind::kSignal)),
      6);
  ConditionConfig noisy = of_type(ConditionType::kGrey);
  noisy.noise = 0.1;
  EXPECT_EQ(channels(noisy, images(3, 8)), 2);
}

TEST(Condition, RefusesDataThatDoNotFit) {
  const auto refusal = [](const ConditionConfig& config, const Dataset& data) -> std::string {
    return message_of([&] { with_condition_of({}, config, data); });
  };
  const FixedItems points(at::zeros({2, 5})), one(at::zeros({2, 1, 8}), SampleKind::kSignal);
  EXPECT_EQ(refusal(of_type(ConditionType::kGrey), images(1, 8)),
            "/condition/type: \"grey\" needs images of 3 colour channels");
  EXPECT_EQ(refusal(of_type(ConditionType::kDownscale), points),
            "/condition/type: \"downscale\" needs images");
  EXPECT_EQ(refusal(of_type(ConditionType::kDownscale), images(1, 10)),
            "/condition/factor: 4 does not divide the images' 10 x 10 pixels");
  EXPECT_EQ(refusal(mask_of(MaskKind::kRandom), points),
            "/condition/type: \"mask\" needs images or signals, but the data are points");
  EXPECT_EQ(refusal(mask_of(MaskKind::kForecast), images(1, 8)),
            "/condition/mask: \"forecast\" is not for images; use boxes, centre or random");
  EXPECT_EQ(refusal(mask_of(MaskKind::kBoxes), one),
            "/condition/mask: \"boxes\" is not for signals; use random, forecast or channels");
  EXPECT_EQ(refusal(mask_of(MaskKind::kChannels), one),
            "/condition/mask: \"channels\" needs two channels, the signals have one; use random or "
            "forecast");
  ConditionConfig far = mask_of(MaskKind::kForecast);
  far.horizon = 8;
  EXPECT_EQ(refusal(far, one),
            "/condition/horizon: expected below the length of the signals, 8, got 8");
  EXPECT_EQ(refusal(of_type(ConditionType::kVector), points),
            "/condition/path: no vector is stored with the items of this data set");
}

}  // namespace
}  // namespace diffuse
