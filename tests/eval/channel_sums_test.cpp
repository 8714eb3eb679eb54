#include "src/eval/channel_sums.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

TEST(ChannelSums, GiveEachChannelsMoments) {
  const at::Tensor x = at::rand({6, 3, 4, 5});
  ChannelSums all, part;
  all.add(x.slice(0, 0, 2));
  part.add(x.slice(0, 2));
  all.merge(ChannelSums());
  all.merge(part);
  const at::Tensor mean = x.to(at::kDouble).mean(at::IntArrayRef{0, 2, 3});
  const at::Tensor std = x.to(at::kDouble).std(at::IntArrayRef{0, 2, 3}, /*unbiased=*/false);
  EXPECT_TRUE(at::allclose(at::tensor(all.moments().mean, at::kDouble), mean));
  EXPECT_TRUE(at::allclose(at::tensor(all.moments().std, at::kDouble), std));
}

TEST(ChannelSums, TakeTheDimensionsOfPointsForChannels) {
  ChannelSums sums;
  sums.add(at::tensor({1.0, 10.0, 3.0, 10.0}).view({2, 2}));
  EXPECT_EQ(sums.moments().mean, (std::vector<double>{2, 10}));
  EXPECT_EQ(sums.moments().std, (std::vector<double>{1, 0}));
}

}  // namespace
}  // namespace diffuse
