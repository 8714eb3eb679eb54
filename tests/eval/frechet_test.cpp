#include "src/eval/frechet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "diffuse/core/error.h"
#include "tests/eval/features.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

GaussianStatistics statistics(const at::Tensor& features) {
  FeatureSums sums;
  for (const at::Tensor& part : features.split(77)) sums.add(part);
  return sums.statistics();
}

std::string failure(const GaussianStatistics& a, const GaussianStatistics& b) {
  return message_of([&] { frechet_distance(a, b); });
}

// tests/reference/metrics_reference.py: pytorch-fid.
TEST(FrechetDistance, EqualsPytorchFids) {
  EXPECT_NEAR(
      frechet_distance(statistics(sample_features(400, 8)), statistics(data_features(300, 8))),
      0.2366122142758229, 1e-9);
}

// Fewer samples than dimensions: both covariances are singular, and the product is what a general
// matrix square root turns into NaN or complex numbers.
TEST(FrechetDistance, TakesSingularCovariances) {
  EXPECT_NEAR(
      frechet_distance(statistics(sample_features(20, 32)), statistics(data_features(20, 32))),
      18.923461639340466, 1e-6);
  const at::Tensor zero = at::zeros({3}, at::kDouble), none = at::zeros({3, 3}, at::kDouble);
  EXPECT_EQ(frechet_distance({zero, none}, {zero + 2, none}), 12);
}

// For covariances that commute it is |m1 - m2|^2 + sum (sqrt(a) - sqrt(b))^2 of their eigenvalues.
TEST(FrechetDistance, HasItsClosedFormForDiagonalCovariances) {
  const at::Tensor a = at::tensor({1.0, 4.0, 0.0}), b = at::tensor({9.0, 4.0, 0.25});
  const at::Tensor mean = at::tensor({1.0, -2.0, 0.5});
  EXPECT_NEAR(frechet_distance({mean, a.diag()}, {at::zeros_like(mean), b.diag()}),
              5.25 + 4 + 0 + 0.25, 1e-12);
}

TEST(FrechetDistance, OfASetToItselfIsZero) {
  const auto s = statistics(sample_features(50, 40));
  EXPECT_NEAR(frechet_distance(s, s), 0, 1e-6);
}

TEST(FrechetDistance, SaysWhyThereIsNone) {
  const at::Tensor mean = at::zeros({2}, at::kDouble), eye = at::eye(2, at::kDouble);
  const at::Tensor nan = at::full({2}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  EXPECT_EQ(failure({nan, eye}, {mean, eye}),
            "Frechet distance: the statistics of the first set are not all finite");
  EXPECT_EQ(failure({mean, eye}, {mean, eye / 0}),
            "Frechet distance: the statistics of the second set are not all finite");
  EXPECT_EQ(failure({mean, eye}, {mean, -eye}),
            "Frechet distance: the second covariance has the eigenvalue -1, but none may be "
            "negative (the largest is 1)");
  EXPECT_EQ(failure({mean, eye}, {at::zeros({3}, at::kDouble), at::eye(3, at::kDouble)}),
            "Frechet distance: features of 2 and of 3 dimensions; both sets need the same feature "
            "network");
  EXPECT_THROW(statistics(sample_features(1, 4)), Error);
}

TEST(FeatureSums, GiveMeanAndSampleCovariance) {
  const at::Tensor x = sample_features(50, 4);
  const auto s = statistics(x.to(at::kFloat));
  EXPECT_TRUE(at::allclose(s.mean, x.mean(0), 1e-6, 1e-6));
  EXPECT_TRUE(at::allclose(s.covariance, x.t().cov(), 1e-5, 1e-6));
}

TEST(FeatureSums, OfPartsMergeToThoseOfAll) {
  const at::Tensor x = sample_features(50, 4);
  FeatureSums all, merged, part, empty;
  all.add(x);
  part.add(x.slice(0, 0, 13));
  merged.merge(empty);
  merged.merge(part);
  part = {};
  part.add(x.slice(0, 13));
  merged.merge(part);
  EXPECT_EQ(merged.count(), 50);
  EXPECT_TRUE(at::allclose(merged.statistics().covariance, all.statistics().covariance, 1e-12));
  EXPECT_TRUE(at::allclose(merged.statistics().mean, all.statistics().mean, 1e-12));
}

}  // namespace
}  // namespace diffuse
