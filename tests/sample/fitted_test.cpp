#include "src/sample/fitted.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

ConditionConfig of_type(ConditionType type) {
  ConditionConfig config;
  config.type = type;
  config.factor = 2;
  return config;
}

at::Tensor means(const at::Tensor& x) { return at::avg_pool2d(x, {2, 2}); }

at::Tensor luminance(const at::Tensor& x) {
  return 0.299 * x.select(1, 0) + 0.587 * x.select(1, 1) + 0.114 * x.select(1, 2);
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Fitted, MovesAreasByAConstant) {
  const at::Tensor x = at::tensor({0.0F, 0.2F, 0.4F, 0.6F}).view({1, 1, 2, 2});
  const at::Tensor wanted = at::full({1, 1, 2, 2}, 0.5F);
  const at::Tensor expected = at::tensor({0.2F, 0.4F, 0.6F, 0.8F}).view({1, 1, 2, 2});
  for (const bool clip : {false, true})
    EXPECT_LT(distance(fitted(of_type(ConditionType::kDownscale), x, wanted, clip), expected),
              1e-5);
}

// By hand: x + 0.4 is cut off at 1 twice, so that the others move by 0.6.
TEST(Fitted, LeavesToOtherPixelsWhatTheRangeCutsOff) {
  const at::Tensor x = at::tensor({0.9F, 0.8F, -0.2F, -0.4F}).view({1, 1, 2, 2});
  const at::Tensor wanted = at::full({1, 1, 2, 2}, 0.65F);
  const at::Tensor expected = at::tensor({1.0F, 1.0F, 0.4F, 0.2F}).view({1, 1, 2, 2});
  EXPECT_LT(distance(fitted(of_type(ConditionType::kDownscale), x, wanted, true), expected), 1e-5);
}

TEST(Fitted, MeetsMeansAndLuminanceWithinTheRangeOfImages) {
  const at::Tensor x = at::rand({3, 3, 8, 8}) * 2.4 - 1.2, like = at::rand({3, 3, 8, 8}) * 2 - 1;
  const at::Tensor small = fitted(of_type(ConditionType::kDownscale), x, like, true);
  EXPECT_LE(small.abs().max().item<float>(), 1);
  EXPECT_LT(distance(means(small), means(like)), 1e-5);
  const at::Tensor grey = luminance(like).unsqueeze(1);
  const at::Tensor coloured = fitted(of_type(ConditionType::kGrey), x, grey, true);
  EXPECT_LE(coloured.abs().max().item<float>(), 1);
  EXPECT_LT(distance(luminance(coloured), grey.squeeze(1)), 1e-5);
}

TEST(Fitted, MovesColoursAlongTheWeightsOfTheLuminance) {
  const at::Tensor x = at::zeros({1, 3, 1, 1});
  const at::Tensor found =
      fitted(of_type(ConditionType::kGrey), x, at::full({1, 1, 1, 1}, 0.25F), false);
  EXPECT_NEAR(luminance(found).item<double>(), 0.25, 1e-6);
  EXPECT_NEAR(found[0][0].item<double>() / found[0][1].item<double>(), 0.299 / 0.587, 1e-5);
}

TEST(Fitted, OfBlackAreBlack) {
  const at::Tensor x = at::rand({1, 1, 4, 4}) - 0.5, black = at::full({1, 1, 4, 4}, -1.0F);
  EXPECT_LT(distance(fitted(of_type(ConditionType::kDownscale), x, black, true), black), 1e-5);
}

TEST(Fitted, NoisyConditionsNeedNotBeMet) {
  const at::Tensor x = at::rand({1, 1, 4, 4});
  ConditionConfig noisy = of_type(ConditionType::kDownscale);
  noisy.noise = 0.1;
  EXPECT_TRUE(fitted(noisy, x, at::zeros({1, 2, 4, 4}), true).is_same(x));
}

}  // namespace
}  // namespace diffuse
