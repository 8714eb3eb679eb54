#include "src/eval/kernel_distance.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "tests/eval/features.h"

namespace diffuse {
namespace {

// tests/reference/metrics_reference.py: torch-fidelity's unbiased estimate.
constexpr double kReference = 0.036284362831007666;

TEST(PolynomialMmd, EqualsTorchFidelitys) {
  EXPECT_NEAR(polynomial_mmd(sample_features(300, 8), data_features(300, 8)), kReference, 1e-12);
}

// x = {0, 1}, y = {1, 1, 2} in one dimension: k = (x y + 1)^3 = 1 over x pairs, (8 + 27 + 27) / 3
// over y pairs, and (3 * 1 + 8 + 8 + 27) / 6 across.
TEST(PolynomialMmd, TakesSetsOfTwoSizes) {
  const at::Tensor x = at::tensor({0.0, 1.0}).unsqueeze(1);
  const at::Tensor y = at::tensor({1.0, 1.0, 2.0}).unsqueeze(1);
  EXPECT_NEAR(polynomial_mmd(x, y), 1 + 62.0 / 3 - 2 * 46.0 / 6, 1e-12);
  EXPECT_THROW(polynomial_mmd(x, y.slice(0, 0, 1)), Error);
}

// More rows than are taken at once.
TEST(PolynomialMmd, DoesNotDependOnItsBlocks) {
  const at::Tensor x = sample_features(1500, 3), y = data_features(1100, 3);
  const auto kernel = [](const at::Tensor& a, const at::Tensor& b) {
    return (a.mm(b.t()) / 3 + 1).pow(3);
  };
  const at::Tensor xx = kernel(x, x), yy = kernel(y, y);
  const double expected = ((xx.sum() - xx.trace()) / (1500.0 * 1499) +
                           (yy.sum() - yy.trace()) / (1100.0 * 1099) - 2 * kernel(x, y).mean())
                              .item<double>();
  EXPECT_NEAR(polynomial_mmd(x, y), expected, 1e-10);
}

TEST(KernelDistance, OfOneSubsetIsThatOfTheSets) {
  const auto all = kernel_distance(sample_features(300, 8), data_features(300, 8));
  EXPECT_NEAR(all.mean, kReference, 1e-12);
  EXPECT_EQ(all.deviation, 0);
  EXPECT_EQ(all.subsets, 1);
  EXPECT_EQ(all.subset_size, 300);
}

// The estimate of a subset has the mean of the whole's: within five standard errors here.
TEST(KernelDistance, OfSubsetsIsUnbiased) {
  const auto some = kernel_distance(sample_features(300, 8), data_features(300, 8),
                                    {.subsets = 400, .subset_size = 60});
  EXPECT_EQ(some.subsets, 400);
  EXPECT_GT(some.deviation, 0.01);
  EXPECT_NEAR(some.mean, kReference, 5 * some.deviation / 20);
}

TEST(KernelDistance, IsAFunctionOfItsSeed) {
  const at::Tensor x = sample_features(100, 8), y = data_features(90, 8);
  const auto distance = [&](uint64_t seed) {
    return kernel_distance(x, y, {.subsets = 3, .subset_size = 20, .seed = seed}).mean;
  };
  EXPECT_EQ(distance(1), distance(1));
  EXPECT_NE(distance(1), distance(2));
  EXPECT_EQ(kernel_distance(x, y).subset_size, 90);
  EXPECT_THROW(kernel_distance(x, y, {.subsets = 0}), Error);
}

}  // namespace
}  // namespace diffuse
