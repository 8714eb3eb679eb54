#include "src/model/ops/kept_weight.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <vector>

#include "src/core/device.h"
#include "src/model/ops/conv.h"
#include "src/model/ops/linear.h"
#include "src/model/weight_cache.h"

namespace diffuse::ops {
namespace {

TEST(KeptWeight, IsConvertedOnceUnderAutocastInAScopeAndElseTheWeight) {
  const at::Tensor weight = at::rand({4, 4});
  WeightCache cache;
  {
    const WeightCacheScope scope(cache);
    EXPECT_TRUE(kept_weight(weight).is_same(weight));
    const AutocastScope autocast(at::kCPU, at::kBFloat16);
    const at::Tensor kept = kept_weight(weight);
    EXPECT_EQ(kept.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(kept_weight(weight).is_same(kept));
  }
  const AutocastScope autocast(at::kCPU, at::kBFloat16);
  EXPECT_TRUE(kept_weight(weight).is_same(weight));
}

TEST(KeptWeight, ChangesNoResult) {
  const c10::InferenceMode inference;
  const at::Tensor rows = at::rand({3, 8}), bias = at::rand({5}), matrix = at::rand({5, 8});
  const at::Tensor x = at::rand({2, 8, 6, 6}), filters = at::rand({5, 8, 3, 3}),
                   h = at::rand({2, 5, 6, 6}), points = at::rand({5, 8, 1, 1});
  const AutocastScope autocast(at::kCPU, at::kBFloat16);
  const auto all = [&] {
    return std::vector<at::Tensor>{
        linear(rows, matrix, bias), conv2d(x, filters, bias, {3, 1, 1}),
        residual_conv1x1({h.to(at::kBFloat16)}, x.to(at::kBFloat16), {}, points)};
  };
  const auto plain = all();
  WeightCache cache;
  const WeightCacheScope scope(cache);
  for (int pass = 0; pass < 2; ++pass) {
    const auto kept = all();
    for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(at::equal(kept[i], plain[i])) << i;
  }
  EXPECT_EQ(cache.size(), 3u);
}

}  // namespace
}  // namespace diffuse::ops
