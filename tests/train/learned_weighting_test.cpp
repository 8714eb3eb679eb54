#include "src/train/learned_weighting.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/train/objective.h"
#include "tests/train/small_training.h"

namespace diffuse {
namespace {

TEST(LearnedWeighting, LeavesLossesAsTheyAreAtFirst) {
  const LearnedWeighting weighting(1);
  const at::Tensor losses = at::tensor({0.5f, 3.0f});
  EXPECT_TRUE(at::equal(weighting.forward(losses, at::tensor({1.0, 900.0}, at::kDouble)), losses));
}

// e^-u L + u is least at u = log L, where it is 1 + log L.
TEST(LearnedWeighting, LearnsTheLogarithmOfTheLoss) {
  LearnedWeighting weighting(1);
  const at::Tensor told = at::tensor({0.0, 500.0, 900.0}, at::kDouble);
  const at::Tensor losses = at::tensor({0.02f, 1.0f, 7.0f});
  for (int i = 0; i < 3000; ++i) {
    weighting.forward(losses, told).sum().backward();
    const at::NoGradGuard no_grad;
    for (at::Tensor& parameter : weighting.parameters()) {
      parameter.sub_(parameter.grad(), 0.002);
      parameter.mutable_grad().reset();
    }
  }
  const at::Tensor reached = weighting.forward(losses, told);
  EXPECT_TRUE(at::allclose(reached, 1 + losses.log(), 1e-3, 1e-2)) << reached;
}

TEST(LearnedWeighting, IsTrainedBesideTheNetworkAndResumes) {
  Config config = small_training();
  config.diffusion.loss_weighting = LossWeighting::kLearned;
  Trainer whole = make_trainer(config), part = make_trainer(config), resumed = make_trainer(config);
  for (int i = 0; i < 4; ++i) whole.update();
  for (int i = 0; i < 2; ++i) part.update();
  resumed.restore(parse_checkpoint("memory", part.checkpoint()));
  for (int i = 0; i < 2; ++i) resumed.update();
  const Checkpoint a = parse_checkpoint("a", whole.checkpoint()),
                   b = parse_checkpoint("b", resumed.checkpoint());
  const ValueDict &one = section(a, "modules/loss_weighting/model"),
                  &two = section(b, "modules/loss_weighting/model");
  ASSERT_EQ(one.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto &x = std::get<at::Tensor>(one[i].second.data),
               &y = std::get<at::Tensor>(two[i].second.data);
    EXPECT_TRUE(at::equal(x, y)) << one[i].first;
    EXPECT_GT(x.abs().max().item<double>(), 0) << one[i].first;
  }
}

}  // namespace
}  // namespace diffuse
