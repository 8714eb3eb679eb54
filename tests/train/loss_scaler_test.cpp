#include "src/train/loss_scaler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace diffuse {

static float scale_of(const LossScaler& scaler) { return scaler.state()[0].second.item<float>(); }

// One update with these gradients; true where they were finite.
static bool update(LossScaler& scaler, std::vector<at::Tensor> gradients) {
  const at::Tensor found_inf = scaler.unscale(gradients);
  scaler.update(found_inf);
  return found_inf.item<float>() == 0;
}

TEST(LossScaler, DividesGradientsByWhatTheLossWasMultipliedBy) {
  const LossScaler scaler(true, at::kCPU);
  EXPECT_EQ(scaler.scale(at::full({}, 3.0F)).item<float>(), 3 * 65536);
  std::vector<at::Tensor> gradients{at::full({2}, 65536.0F), at::full({3}, -32768.0F)};
  EXPECT_EQ(scaler.unscale(gradients).item<float>(), 0);
  EXPECT_TRUE(at::equal(gradients[0], at::ones({2})));
  EXPECT_TRUE(at::equal(gradients[1], at::full({3}, -0.5F)));
}

TEST(LossScaler, HalvesAtEachOverflowAndNeverBelowOne) {
  for (const double bad : {INFINITY, -INFINITY, NAN}) {
    LossScaler scaler(true, at::kCPU);
    EXPECT_FALSE(update(scaler, {at::ones({2}), at::tensor({1.0, bad}, at::kFloat)}));
    EXPECT_EQ(scale_of(scaler), 32768);
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(update(scaler, {at::full({}, bad, at::kFloat)}));
    EXPECT_EQ(scale_of(scaler), 1);
  }
}

TEST(LossScaler, DoublesAfterTwoThousandGoodUpdatesInARow) {
  LossScaler scaler(true, at::kCPU);
  for (int i = 0; i < 1999; ++i) update(scaler, {at::ones({})});
  EXPECT_EQ(scale_of(scaler), 65536);
  update(scaler, {at::full({}, NAN)});  // starts the count again
  for (int i = 0; i < 1999; ++i) update(scaler, {at::ones({})});
  EXPECT_EQ(scale_of(scaler), 32768);
  update(scaler, {at::ones({})});
  EXPECT_EQ(scale_of(scaler), 65536);
}

TEST(LossScaler, DisabledOnlyLooksForWhatIsNotFinite) {
  LossScaler scaler(false, at::kCPU);
  EXPECT_EQ(scaler.scale(at::full({}, 3.0F)).item<float>(), 3);
  EXPECT_TRUE(update(scaler, {at::ones({2})}));
  EXPECT_FALSE(update(scaler, {at::full({2}, INFINITY)}));
  EXPECT_EQ(scale_of(scaler), 1);
  scaler.state()[0].second.fill_(65536);
  std::vector<at::Tensor> gradients{at::ones({2})};
  scaler.unscale(gradients);
  EXPECT_TRUE(at::equal(gradients[0], at::ones({2})));
}

}  // namespace diffuse
