#include "src/diffusion/likelihood.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>

namespace diffuse {
namespace {

at::Tensor number(double value) { return at::full({1}, value, at::kDouble); }

double log_mass(double level, double mean, double log_variance) {
  return discretized_gaussian_log_likelihood(number(level / 127.5 - 1), number(mean),
                                             number(log_variance))
      .item<double>();
}

// KL(N(1, 4) ‖ N(3, 9)) = ln(3/2) + (4 + 4) / 18 − 1/2
TEST(Likelihood, KlIsTheClosedForm) {
  const at::Tensor kl = normal_kl(number(1), number(std::log(4)), number(3), number(std::log(9)));
  EXPECT_NEAR(kl.item<double>(), std::log(1.5) + 8.0 / 18 - 0.5, 1e-14);
  EXPECT_EQ(normal_kl(number(2), number(-1), number(2), number(-1)).item<double>(), 0);
}

TEST(Likelihood, BinsOfAllLevelsSumToOne) {
  const at::Tensor x = at::arange(256, at::kDouble) / 127.5 - 1;
  for (const double mean : {0.0, 0.73, -1.4}) {
    for (const double log_variance : {-9.8, -4.0, 0.0, 3.0}) {
      const at::Tensor mass =
          discretized_gaussian_log_likelihood(x, number(mean), number(log_variance)).exp();
      EXPECT_NEAR(mass.sum().item<double>(), 1, 1e-12) << mean << " " << log_variance;
    }
  }
}

// tests/reference/schedule_reference.py: by erfc.
TEST(Likelihood, MatchesTheReferenceInsideInTheTailAndAtTheEdges) {
  EXPECT_NEAR(log_mass(140, 0.3, -4), -4.88036224, 1e-8);
  EXPECT_NEAR(log_mass(200, -0.5, -4.6), -60.2422977, 1e-7);
  EXPECT_NEAR(log_mass(0, -0.9, -3), -1.09846652, 1e-8);
  EXPECT_NEAR(log_mass(255, 0.5, -2), -2.42191083, 1e-8);
}

// A perfect mean with the reconstruction term's variance, linear schedule of 1000 steps.
TEST(Likelihood, PerfectMeanCostsTheFloorOfTheReconstruction) {
  EXPECT_NEAR(-log_mass(128, 128 / 127.5 - 1, -9.81672514) / std::numbers::ln2, 1.30537766, 1e-7);
}

TEST(Likelihood, StaysFiniteWithItsGradientFarOffInFloat32) {
  const at::Tensor x = (at::arange(256, at::kFloat) / 127.5 - 1);
  for (const float log_variance : {-20.0f, -9.8f, 0.0f, 30.0f}) {
    const at::Tensor mean = at::full({256}, -2.5f).requires_grad_();
    const at::Tensor log_v = at::full({256}, log_variance).requires_grad_();
    const at::Tensor value = discretized_gaussian_log_likelihood(x, mean, log_v);
    EXPECT_TRUE(value.isfinite().all().item<bool>()) << log_variance;
    value.sum().backward();
    EXPECT_TRUE(mean.grad().isfinite().all().item<bool>()) << log_variance;
    EXPECT_TRUE(log_v.grad().isfinite().all().item<bool>()) << log_variance;
  }
}

// Far off, −log P is nearly (x − mean)² / 2σ²: its gradient in the mean is (mean − x) / σ².
TEST(Likelihood, PullsTheMeanBackFromFarOff) {
  const at::Tensor mean = at::full({1}, -0.9f).requires_grad_();
  const at::Tensor x = at::full({1}, static_cast<float>(200 / 127.5 - 1));
  const double sigma = 1e-4;
  const at::Tensor log_variance = at::full({1}, static_cast<float>(2 * std::log(sigma)));
  discretized_gaussian_log_likelihood(x, mean, log_variance).backward();
  const double nearest_edge = 200 / 127.5 - 1 - 1.0 / 255 + 0.9;
  EXPECT_NEAR(mean.grad().item<double>() * sigma * sigma / nearest_edge, 1, 1e-5);
}

}  // namespace
}  // namespace diffuse
