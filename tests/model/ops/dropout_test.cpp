#include "src/model/ops/dropout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "src/model/dropout_scope.h"

namespace diffuse {
namespace {

at::Tensor in_scope(const std::vector<StreamKey>& keys, const at::Tensor& h, double p,
                    uint32_t layer = 0) {
  const DropoutScope scope(std::make_shared<const std::vector<StreamKey>>(keys));
  return ops::dropout(h, {p, layer});
}

TEST(Dropout, FollowsTheStreamOfEachSampleChannelsFirst) {
  const at::Tensor h = at::ones({2, 3, 5, 7});
  const at::Tensor dropped = in_scope({{4, 10}, {4, 2}}, h, 0.25, 6);
  for (int64_t b = 0; b < 2; ++b) {
    RandomStream stream(4, Purpose::kDropout, b == 0 ? 10 : 2, 6);
    for (int64_t pixel = 0; pixel < 35; ++pixel)
      for (int64_t c = 0; c < 3; ++c)
        ASSERT_EQ(dropped[b][c][pixel / 7][pixel % 7].item<float>(),
                  stream.next() < (1u << 30) ? 0.0f : static_cast<float>(1 / 0.75));
  }
}

TEST(Dropout, IsTheSameForAnySplitOfABatchAndAnyLayout) {
  const at::Tensor h = at::randn({3, 4, 6, 6});
  const at::Tensor whole = in_scope({{0, 0}, {0, 1}, {0, 2}}, h, 0.5);
  const at::Tensor last = in_scope({{0, 2}}, h.slice(0, 2), 0.5);
  EXPECT_TRUE(at::equal(whole.slice(0, 2), last));
  const at::Tensor other =
      in_scope({{0, 0}, {0, 1}, {0, 2}}, h.contiguous(at::MemoryFormat::ChannelsLast), 0.5);
  EXPECT_TRUE(at::equal(whole, other));
}

// Of 480,000 numbers the share dropped has a standard deviation of 0.0004.
TEST(Dropout, DropsItsShareAndKeepsTheMean) {
  const at::Tensor dropped = in_scope({{0, 0}, {0, 1}, {0, 2}}, at::ones({3, 16, 100, 100}), 0.1);
  EXPECT_NEAR((dropped == 0).to(at::kDouble).mean().item<double>(), 0.1, 0.002);
  EXPECT_NEAR(dropped.to(at::kDouble).mean().item<double>(), 1, 0.0025);
}

TEST(Dropout, GradientPassesWhereTheActivationDid) {
  const at::Tensor h = at::randn({2, 3, 4, 4}).requires_grad_();
  const at::Tensor dropped = in_scope({{1, 0}, {1, 1}}, h, 0.4);
  const at::Tensor weight = at::randn({2, 3, 4, 4});
  (dropped * weight).sum().backward();
  const at::Tensor wanted = at::where(dropped == 0, at::zeros_like(h), weight / 0.6);
  EXPECT_TRUE(at::allclose(h.grad(), wanted, 1e-6, 1e-7));
}

TEST(Dropout, KeepsTheTypeAndTheMaskInBfloat16) {
  const at::Tensor h = at::ones({1, 8, 9, 9});
  const at::Tensor half = in_scope({{0, 3}}, h.to(at::kBFloat16), 0.5);
  EXPECT_EQ(half.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(half.to(at::kFloat), in_scope({{0, 3}}, h, 0.5)));
}

TEST(Dropout, ScopesNestAndAnotherNumberOfRowsIsRefused) {
  const DropoutScope outer(std::make_shared<const std::vector<StreamKey>>(2));
  {
    const DropoutScope inner(nullptr);
    EXPECT_EQ(DropoutScope::current(), nullptr);
  }
  EXPECT_EQ(DropoutScope::current()->size(), 2);
  EXPECT_THROW(ops::dropout(at::ones({3, 1, 2, 2}), {0.5}), c10::Error);
}

}  // namespace
}  // namespace diffuse
