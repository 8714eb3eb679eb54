#include "src/train/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace diffuse {
namespace {

TEST(LearningRate, WarmsUpLinearlyToTheFullRate) {
  TrainConfig config;
  config.learning_rate = 1.0;
  config.warmup_steps = 4;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 0), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 2), 0.75);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 3), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 4000), 1.0);
}

TEST(LearningRate, SchedulesFallToZero) {
  TrainConfig config;
  config.learning_rate = 2.0;
  config.warmup_steps = 0;
  config.steps = 100;
  config.learning_rate_schedule = LearningRateSchedule::kCosine;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 0), 2.0);
  EXPECT_NEAR(learning_rate_at(config, 50), 1.0, 1e-12);
  EXPECT_NEAR(learning_rate_at(config, 25), 1 + std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(learning_rate_at(config, 100), 0.0, 1e-12);
  config.learning_rate_schedule = LearningRateSchedule::kLinear;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 75), 0.5);
}

// [Karras24]: 1 / sqrt(step / start) from the start on, which by default is the end of the warm-up.
TEST(LearningRate, FallsAsTheInverseRoot) {
  TrainConfig config;
  config.learning_rate = 2;
  config.learning_rate_schedule = LearningRateSchedule::kInverseSqrt;
  config.warmup_steps = 10;
  config.decay_start = 100;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 4), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 100), 2);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 400), 1);
  config.decay_start = 0;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 40), 1);
}

TEST(LearningRate, OfATrapezoidFallsLinearlyAtTheEnd) {
  TrainConfig config;
  config.learning_rate = 1;
  config.learning_rate_schedule = LearningRateSchedule::kTrapezoid;
  config.warmup_steps = 0;
  config.steps = 100;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 80), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 90), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 100), 0);
  config.decay_start = 50;
  EXPECT_DOUBLE_EQ(learning_rate_at(config, 75), 0.5);
}

TEST(ClipGradients, ScalesToTheLimitAndLeavesSmallOnesAlone) {
  std::vector<at::Tensor> gradients{at::tensor({3.0f}), at::tensor({4.0f})};
  EXPECT_FLOAT_EQ(gradient_norm(gradients).item<float>(), 5);
  clip_gradients(gradients, gradient_norm(gradients), 10);
  EXPECT_FLOAT_EQ(gradients[0].item<float>(), 3);
  clip_gradients(gradients, gradient_norm(gradients), 1);
  EXPECT_NEAR(gradients[0].item<float>(), 0.6, 1e-5);
  EXPECT_NEAR(gradients[1].item<float>(), 0.8, 1e-5);
}

// Three updates of minimising x^2 from x = 1, lr 0.1, by tests/reference/adam_reference.py (pure
// Python from the algorithm's text [Kingma15 alg. 1; Loshchilov19 alg. 2]).
std::vector<double> trajectory(const TrainConfig& config) {
  const at::Tensor x = at::ones({1}, at::kDouble).requires_grad_();
  Adam adam(config, {x}, c10::kCPU);
  std::vector<double> values;
  for (int i = 0; i < 3; ++i) {
    x.square().sum().backward();
    adam.step(0.1, at::zeros({}));
    x.mutable_grad().reset();
    values.push_back(x.item<double>());
  }
  return values;
}

TEST(Adam, MatchesTheAlgorithm) {
  const auto values = trajectory({});
  EXPECT_NEAR(values[0], 0.9000000005, 1e-9);
  EXPECT_NEAR(values[1], 0.8004122287, 1e-9);
  EXPECT_NEAR(values[2], 0.7015862729, 1e-9);
}

TEST(AdamW, DecaysTheWeightsApartFromTheGradient) {
  TrainConfig config;
  config.optimizer = OptimizerKind::kAdamw;
  config.weight_decay = 0.5;
  const auto values = trajectory(config);
  EXPECT_NEAR(values[0], 0.8500000005, 1e-9);
  EXPECT_NEAR(values[1], 0.7082484434, 1e-9);
}

TEST(Adam, SkipsAnUpdateWhoseGradientsAreNotFinite) {
  const at::Tensor x = at::ones({1}).requires_grad_();
  Adam adam({}, {x}, c10::kCPU);
  (x * INFINITY).sum().backward();
  adam.step(0.1, at::ones({}));
  EXPECT_EQ(x.item<float>(), 1);
  EXPECT_EQ(adam.count().item<float>(), 0);
  EXPECT_EQ(adam.first_moment()[0].item<float>(), 0);
}

TEST(Adam, CountsUpdatesWithoutParametersToo) {
  Adam adam({}, {}, c10::kCPU);
  adam.step(0.1, at::zeros({}));
  EXPECT_EQ(adam.count().item<float>(), 1);
}

}  // namespace
}  // namespace diffuse
