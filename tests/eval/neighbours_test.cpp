#include "src/eval/neighbours.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixed_items.h"

namespace diffuse {
namespace {

// Items (i, 0) for i = 0 .. n-1: the nearest are known, whatever chunk they come in.
FixedItems line(int64_t n) {
  const at::Tensor x = at::arange(n, at::kFloat);
  return FixedItems(at::stack({x, at::zeros_like(x)}, 1));
}

TEST(NearestItems, FindsThemNearestFirst) {
  const at::Tensor samples = at::tensor({1500.2f, 0.f, 2.9f, 4.f}).view({2, 2});
  const Neighbours n = nearest_items(samples, line(3000), 3);
  EXPECT_TRUE(at::equal(n.items, at::tensor({1500, 1501, 1499, 3, 2, 4}, at::kLong).view({2, 3})));
  EXPECT_NEAR(n.distances[0][0].item<double>(), 0.2 / std::sqrt(2), 1e-4);
  EXPECT_NEAR(n.distances[1][0].item<double>(), std::sqrt((0.01 + 16) / 2), 1e-6);
  EXPECT_NEAR(nearest_distance(n).mean, n.distances.select(1, 0).mean().item<double>(), 1e-12);
}

TEST(NearestItems, OfEqualDistancesTheLowerNumberWins) {
  const FixedItems same(at::ones({2100, 2}));
  const Neighbours n = nearest_items(at::zeros({1, 2}), same, 4);
  EXPECT_TRUE(at::equal(n.items, at::arange(4).view({1, 4})));
  EXPECT_DOUBLE_EQ(n.distances[0][3].item<double>(), 1);
}

TEST(NearestItems, OfATrainingItemIsItselfAtDistanceZero) {
  const FixedItems data = line(50);
  const Neighbours n = nearest_items(data.gather(std::vector<int64_t>{7, 31}), data, 1);
  EXPECT_TRUE(at::equal(n.items.flatten(), at::tensor({7, 31}, at::kLong)));
  EXPECT_EQ(n.distances.sum().item<double>(), 0);
}

TEST(NearestItems, TellsHowFarItIs) {
  std::vector<int64_t> done;
  nearest_items(at::zeros({1, 2}), line(1500), 1,
                [&](int64_t items, int64_t total) { done.push_back(items * 10000 + total); });
  EXPECT_EQ(done, (std::vector<int64_t>{1024 * 10000 + 1500, 1500 * 10000 + 1500}));
}

}  // namespace
}  // namespace diffuse
