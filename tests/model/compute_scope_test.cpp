#include "src/model/compute_scope.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "diffuse/model/network.h"
#include "src/model/ops/kept_weight.h"
#include "src/model/weight_cache.h"
#include "tests/model/small_unet.h"

namespace diffuse {
namespace {

TEST(ComputeScope, HoldsForFloat32AndNests) {
  const at::Tensor single = at::zeros({1}), twice = single.to(at::kDouble);
  EXPECT_EQ(ComputeScope::type_for(single), at::kFloat);
  const ComputeScope scope(at::kBFloat16);
  EXPECT_EQ(ComputeScope::type_for(single), at::kBFloat16);
  EXPECT_EQ(ComputeScope::type_for(twice), at::kDouble);
  {
    const ComputeScope inner(at::kHalf);
    EXPECT_EQ(ComputeScope::type(), at::kHalf);
  }
  EXPECT_EQ(ComputeScope::type(), at::kBFloat16);
}

TEST(ComputeScope, WeightsAreLowCopiesWithFloat32Gradients) {
  const at::Tensor weight =
      at::rand({4, 3, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
  const ComputeScope scope(at::kBFloat16);
  const at::Tensor low = ops::kept_weight(weight);
  EXPECT_EQ(low.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(low.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(at::equal(low, weight.to(at::kBFloat16)));
  const at::Tensor factor = at::arange(4 * 27, at::kBFloat16).view_as(low);
  (low * factor).sum().backward();
  EXPECT_EQ(weight.grad().scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(weight.grad(), factor.to(at::kFloat)));
}

TEST(ComputeScope, TakesTheCachesCopyOfAWeight) {
  const at::Tensor weight = at::rand({4, 4}).requires_grad_();
  const at::Tensor low = at::full({4, 4}, 7, at::kBFloat16);
  WeightCache cache{{weight.const_data_ptr(), low}};
  const WeightCacheScope kept(cache);
  const ComputeScope scope(at::kBFloat16);
  EXPECT_TRUE(at::equal(ops::kept_weight(weight), low));
  EXPECT_TRUE(ops::kept_weight(weight).requires_grad());
}

// The whole network: its own rounding apart, bfloat16 gives what float32 gives.
TEST(ComputeScope, AUNetGivesFloat32NearItsOwn) {
  for (const bool scale_shift : {false, true}) {
    ModelConfig config = small_config();
    config.scale_shift_norm = scale_shift;
    config.classes = 2;
    const auto unet = make_network(config, false, {}, 1);
    at::manual_seed(1);
    const c10::InferenceMode inference;
    for (const at::Tensor& p : unet->parameters())
      if (p.dim() > 1) p.detach().normal_(0, 0.05);
    const at::Tensor x = at::randn({2, 3, 16, 16});
    const at::Tensor t = at::tensor({3, 40}), labels = at::tensor({0, 1}, at::kLong);
    const at::Tensor plain = unet->forward(x, t, labels);
    at::Tensor low;
    {
      const ComputeScope scope(at::kBFloat16);
      low = unet->forward(x, t, labels);
    }
    EXPECT_EQ(low.scalar_type(), at::kFloat);
    const double error = ((low - plain).norm() / plain.norm()).item<double>();
    EXPECT_GT(error, 1e-5);  // it did compute in another format
    EXPECT_LT(error, 0.05) << scale_shift;
  }
}

}  // namespace
}  // namespace diffuse
