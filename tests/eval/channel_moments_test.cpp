#include "diffuse/eval/channel_moments.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

TEST(ChannelMoments, AreThoseOfEachChannelsPixels) {
  const at::Tensor x = at::rand({6, 3, 4, 5});
  ChannelMoments all, part;
  all.add(x.slice(0, 0, 2));
  part.add(x.slice(0, 2));
  all.merge(ChannelMoments());
  all.merge(part);
  EXPECT_TRUE(at::allclose(all.mean(), x.to(at::kDouble).mean(at::IntArrayRef{0, 2, 3})));
  EXPECT_TRUE(at::allclose(all.deviation(),
                           x.to(at::kDouble).std(at::IntArrayRef{0, 2, 3}, /*unbiased=*/false)));
}

TEST(ChannelMoments, OfPointsAreThoseOfEachCoordinate) {
  ChannelMoments moments;
  moments.add(at::tensor({1.0, 10.0, 3.0, 10.0}).view({2, 2}));
  EXPECT_TRUE(at::equal(moments.mean(), at::tensor({2.0, 10.0})));
  EXPECT_TRUE(at::equal(moments.deviation(), at::tensor({1.0, 0.0})));
}

}  // namespace
}  // namespace diffuse
