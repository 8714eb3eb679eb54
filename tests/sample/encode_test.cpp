#include "diffuse/sample/encode.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diffuse/core/error.h"
#include "diffuse/sample/sampler.h"
#include "diffuse/sample/timesteps.h"
#include "tests/oracle.h"

namespace diffuse {
namespace {

const at::Tensor& data() {
  static const at::Tensor x0 = at::tensor({0.5, -0.2, 1.0, 0.0}, at::kDouble).view({2, 2});
  return x0;
}

// How far ddim ends from the data that were encoded.
double round_trip(int64_t steps, int64_t passes) {
  const GaussianDiffusion diffusion{DiffusionConfig()};
  const auto timesteps = spaced_timesteps(1000, steps, Spacing::kLeading);
  const at::Tensor x_T = encode(diffusion, oracle(diffusion, 0.25), data(), timesteps, passes);
  const SamplerOptions options{
      .sampler = SamplerKind::kDdim, .timesteps = timesteps, .clip_x0 = false};
  const at::Tensor x = run_sampler(diffusion, oracle(diffusion, 0.25), x_T, options, {});
  return (x - data()).abs().max().item<double>();
}

TEST(Encode, ComesBackEverCloserWithStepsAndPasses) {
  EXPECT_NEAR(round_trip(100, 1) / round_trip(200, 1), 2, 0.2);  // Euler's method: order 1
  EXPECT_LT(round_trip(50, 3), round_trip(50, 1) / 10);
  EXPECT_LT(round_trip(50, 60), 1e-9);
}

// The flow takes x_0 of N(0, s2) to sqrt((ab s2 + 1 - ab) / s2) x_0.
TEST(Encode, FollowsTheFlow) {
  const GaussianDiffusion diffusion{DiffusionConfig()};
  const double ab = diffusion.schedule().alpha_bar()[999].item<double>();
  const at::Tensor x_T = encode(diffusion, oracle(diffusion, 0.25), data(),
                                spaced_timesteps(1000, 1000, Spacing::kLeading), 1);
  EXPECT_TRUE(at::allclose(x_T, data() * std::sqrt((ab * 0.25 + 1 - ab) / 0.25), 5e-3, 1e-12));
}

TEST(Encode, RefusesATimestepWithoutSignal) {
  DiffusionConfig config;
  config.schedule = ScheduleKind::kJsd;
  config.prediction = PredictionKind::kV;
  config.loss = LossKind::kMse;
  const GaussianDiffusion diffusion(config);
  const Denoiser any = [](const at::Tensor& x, const at::Tensor&) { return x; };
  EXPECT_THROW(encode(diffusion, any, data(), {999, 500, 0}, 1), Error);
  EXPECT_NO_THROW(encode(diffusion, any, data(), {998, 500, 0}, 1));
}

}  // namespace
}  // namespace diffuse
