#include "diffuse/sample/denoise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "diffuse/core/random_tensor.h"
#include "tests/oracle.h"

namespace diffuse {
namespace {

// The Wiener filter: s2 / (s2 + sigma^2) y, for sigmas on no timestep, below the first one's (0.01)
// and beyond 1.
TEST(DenoiseAtOnce, IsTheWienerFilterOnGaussianData) {
  const GaussianDiffusion diffusion{DiffusionConfig{}};
  const at::Tensor y = at::tensor({-1.3, 0.2, 0.9}, at::kDouble).unsqueeze(0);
  for (const double s2 : {0.25, 1.0})
    for (const double sigma : {0.004, 0.1, 0.2, 0.37, 1.5}) {
      const at::Tensor x0 = denoise_at_once(diffusion, oracle(diffusion, s2), y, sigma, false);
      const at::Tensor wiener = y * (s2 / (s2 + sigma * sigma));
      EXPECT_LT((x0 - wiener).abs().max().item<double>(), 1e-5) << s2 << ", " << sigma;
    }
}

// In continuous time each sigma has its time, from the first on; there is none beyond the last.
TEST(TimeOfNoise, IsThatOfTheProcess) {
  const auto time = [](ProcessKind process, double sigma) {
    DiffusionConfig config;
    config.process = process;
    config.prediction = PredictionKind::kEdm;
    return time_of_noise(*make_process(config), sigma);
  };
  EXPECT_NEAR(time(ProcessKind::kEdm, 0.3), 0.3, 1e-12);
  EXPECT_NEAR(time(ProcessKind::kEdm, 1e-4), 0.002, 1e-12);
  EXPECT_NEAR(time(ProcessKind::kFlow, 0.25), 0.2, 1e-12);  // t / (1 - t)
  EXPECT_EQ(time(ProcessKind::kDdpm, 157), 999);
  EXPECT_THROW(time(ProcessKind::kEdm, 81), Error);
  EXPECT_THROW(time(ProcessKind::kFlow, 0), Error);
}

// Linear schedule: alpha_bar = 0.9999 at 0, and 0.07779666 halfway (row 500).
TEST(NearestTimestep, FindsTheNoiseOfTheSchedule) {
  const auto schedule = NoiseSchedule::make({});
  EXPECT_EQ(nearest_timestep(schedule, 1e-5), 0);
  EXPECT_EQ(nearest_timestep(schedule, std::sqrt((1 - 0.9999) / 0.9999)), 0);
  EXPECT_EQ(nearest_timestep(schedule, std::sqrt((1 - 0.07779666) / 0.07779666)), 500);
  EXPECT_THROW(nearest_timestep(schedule, 0), Error);
  EXPECT_THROW(nearest_timestep(schedule, 158), Error);  // the last is sqrt(1 / 4.03583e-5 - 1)
  EXPECT_EQ(nearest_timestep(schedule, 157), 999);
}

at::Tensor noise(double sigma) {
  const auto keys = consecutive_keys(5, 0, 1);
  return normal_rows(keys, Purpose::kForward, 0, {1, 64, 64})[0] * sigma;
}

TEST(EstimateSigma, FindsTheNoiseOnASmoothImage) {
  const at::Tensor ramp = at::linspace(-0.5, 0.5, 64).expand({1, 64, 64});
  for (const double sigma : {0.02, 0.1, 0.3})  // 1024 squares: the median is good to 3.6 %
    EXPECT_NEAR(estimate_sigma(ramp + noise(sigma)), sigma, 0.1 * sigma);
}

TEST(EstimateSigma, LeavesOutWhatWasCutOff) {
  at::Tensor half = at::zeros({1, 64, 64});
  half.narrow(2, 0, 40).fill_(-3);
  EXPECT_NEAR(estimate_sigma((half + noise(0.1)).clamp(-1, 1)), 0.1, 0.02);
}

TEST(EstimateSigma, OfAnImageWithoutNoiseIsZero) {
  EXPECT_EQ(estimate_sigma(at::ones({3, 9, 9})), 0);
}

}  // namespace
}  // namespace diffuse
