#include "src/eval/point_distance.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "diffuse/core/error.h"
#include "diffuse/core/random_tensor.h"
#include "tests/eval/features.h"

namespace diffuse {
namespace {

// N(0, scale^2) in `dimensions`.
at::Tensor normal(int64_t n, int64_t dimensions, uint64_t seed, double scale) {
  return scale * normal_rows(consecutive_keys(seed, 0, n), Purpose::kEvaluation, 0, {dimensions});
}

// tests/reference/metrics_reference.py: NumPy, as tests/python/swiss_roll_test.py has it.
TEST(SlicedWasserstein, EqualsNumpys) {
  EXPECT_NEAR(sliced_wasserstein(sample_features(300, 2), data_features(300, 2)),
              0.11392348346463926, 1e-12);
}

// A shift by d moves a projection by d . axis, whose size has the mean 2 |d| / pi.
TEST(SlicedWasserstein, OfAShiftIsItsMeanProjection) {
  const at::Tensor x = sample_features(50, 2);
  EXPECT_NEAR(sliced_wasserstein(x, x + at::tensor({3.0, 4.0})), 10 / std::numbers::pi, 1e-5);
  EXPECT_EQ(sliced_wasserstein(x, x), 0);
}

// Projections of N(0, I) and N(0, s^2 I) are apart by |s - 1|.
TEST(SlicedWasserstein, OfGaussiansIsTheDifferenceOfDeviations) {
  EXPECT_NEAR(sliced_wasserstein(normal(20000, 2, 1, 1), normal(20000, 2, 2, 1.5)), 0.5, 0.03);
  EXPECT_NEAR(sliced_wasserstein(normal(20000, 5, 1, 1), normal(20000, 5, 2, 1.5), 100), 0.5, 0.03);
}

// Every point twice is the same distribution; {0} against {0, 1} moves half the mass by one.
TEST(SlicedWasserstein, TakesSetsOfTwoSizes) {
  const at::Tensor x = sample_features(30, 3), y = data_features(40, 3);
  EXPECT_NEAR(sliced_wasserstein(x.repeat({2, 1}), y), sliced_wasserstein(x, y), 1e-12);
  const at::Tensor line = at::tensor({0.0, 1.0}).unsqueeze(1);
  EXPECT_NEAR(sliced_wasserstein(line.slice(0, 0, 1), line), std::sqrt(0.5), 1e-12);
}

// tests/reference/metrics_reference.py: torch-fidelity's kernel of deviation 1.5.
TEST(GaussianMmd, EqualsTorchFidelitys) {
  EXPECT_NEAR(gaussian_mmd(sample_features(300, 8), data_features(300, 8), 1.5),
              0.004862773187021163, 1e-12);
  EXPECT_THROW(gaussian_mmd(sample_features(9, 8), data_features(9, 8), 0), Error);
}

// For x ~ N(0, a I), y ~ N(0, b I) in D dimensions: E k(x, y) = (h^2 / (h^2 + a + b))^(D / 2).
TEST(GaussianMmd, HasItsClosedFormForGaussians) {
  const double h = 1.2, a = 1, b = 4;
  const auto mean = [&](double sum) { return h * h / (h * h + sum); };  // D = 2
  const double expected = mean(2 * a) + mean(2 * b) - 2 * mean(a + b);
  EXPECT_NEAR(gaussian_mmd(normal(4000, 2, 1, 1), normal(4000, 2, 2, 2), h), expected, 0.01);
  EXPECT_NEAR(gaussian_mmd(normal(4000, 2, 1, 1), normal(4000, 2, 2, 1), h), 0, 0.002);
}

TEST(MedianDistance, IsThatOfPairs) {
  EXPECT_EQ(median_distance(at::tensor({0.0, 1.0, 10.0}).unsqueeze(1)), 9);
  EXPECT_NEAR(median_distance(normal(5000, 1, 1, 1)), std::sqrt(2) * 0.6745, 0.05);
  EXPECT_THROW(median_distance(at::zeros({1, 2})), Error);
}

}  // namespace
}  // namespace diffuse
