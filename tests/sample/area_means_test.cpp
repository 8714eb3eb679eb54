#include "src/sample/area_means.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

at::Tensor means(const at::Tensor& x) { return at::avg_pool2d(x, {2, 2}); }

TEST(AreaMeans, AreMetByAConstantForEachArea) {
  const at::Tensor x = at::tensor({0.0F, 0.2F, 0.4F, 0.6F}).view({1, 1, 2, 2});
  const at::Tensor wanted = at::full({1, 1, 2, 2}, 0.5F);
  const at::Tensor expected = at::tensor({0.2F, 0.4F, 0.6F, 0.8F}).view({1, 1, 2, 2});
  EXPECT_TRUE(at::allclose(with_area_means(x, wanted, 2, false), expected, 0, 1e-6));
}

TEST(AreaMeans, AreMetWithinTheRangeOfImages) {
  const at::Tensor x = at::rand({3, 2, 8, 8}) * 2.4 - 1.2, wanted = at::rand({3, 2, 8, 8}) * 2 - 1;
  const at::Tensor found = with_area_means(x, wanted, 2, true);
  EXPECT_LE(found.abs().max().item<float>(), 1);
  EXPECT_LT((means(found) - means(wanted)).abs().max().item<float>(), 1.0 / 127.5);
}

TEST(AreaMeans, OfBlackAreBlack) {
  const at::Tensor x = at::rand({1, 1, 4, 4}) - 0.5, black = at::full({1, 1, 4, 4}, -1.0F);
  EXPECT_LT((with_area_means(x, black, 4, true) - black).abs().max().item<float>(), 0.02);
}

}  // namespace
}  // namespace diffuse
