#include "src/train/parameter_updater.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

namespace diffuse {
namespace {

// A network of two parameters and a module that is trained beside it, of which one is frozen.
struct Modules {
  torch::nn::Linear network{torch::nn::LinearOptions(1, 1)},
      schedule{torch::nn::LinearOptions(2, 1)};
  Modules() {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& p : network->parameters()) p.fill_(1);
    for (const at::Tensor& p : schedule->parameters()) p.fill_(2);
    schedule->bias.set_requires_grad(false);
  }
  NamedModules named() const {
    return {{std::string(kNetwork), network.ptr()}, {"schedule", schedule.ptr()}};
  }
  // The gradient of each weight of the sum is `scale`.
  void backward(double scale) const {
    (scale *
     (network->weight.sum() + network->bias.sum() + schedule->weight.sum() + schedule->bias.sum()))
        .backward();
  }
};

TrainConfig plain_adam() {
  TrainConfig config;
  config.learning_rate = 0.5;
  config.warmup_steps = 0;
  config.gradient_clip = 0;
  config.ema_decay = 0.75;
  config.ema_warmup = false;
  return config;
}

std::vector<std::string> paths_of(const std::vector<StateSection>& sections) {
  std::vector<std::string> paths;
  for (const StateSection& section : sections) paths.push_back(section.path);
  return paths;
}

// Adam's first step is the learning rate, whatever the gradient; the average moves by a quarter of it.
TEST(ParameterUpdater, MovesAllModulesAndLeavesFrozenParametersAlone) {
  World world;
  const Modules modules;
  ParameterUpdater updater(plain_adam(), modules.named(), at::kCPU, at::kFloat, world);
  EXPECT_EQ(updater.parameters().size(), 3u);
  modules.backward(8);
  const UpdateFigures figures = updater.update(0);
  EXPECT_NEAR(figures.gradient_norm.item<double>(), 8 * std::sqrt(4.0), 1e-5);  // 4 numbers
  EXPECT_EQ(figures.skipped.item<float>(), 0);
  EXPECT_NEAR(modules.network->weight.item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(modules.schedule->weight[0][1].item<double>(), 1.5, 1e-6);
  EXPECT_EQ(modules.schedule->bias.item<double>(), 2);
  EXPECT_FALSE(modules.network->weight.grad().defined());
  updater.with_averages([&] {
    EXPECT_NEAR(modules.network->weight.item<double>(), 0.875, 1e-6);
    EXPECT_NEAR(modules.schedule->weight[0][0].item<double>(), 1.875, 1e-6);
    EXPECT_EQ(modules.schedule->bias.item<double>(), 2);
  });
  EXPECT_NEAR(modules.network->weight.item<double>(), 0.5, 1e-6);
}

TEST(ParameterUpdater, LeavesOutAnUpdateOfWhichOneModuleHasBadGradients) {
  World world;
  const Modules modules;
  ParameterUpdater updater(plain_adam(), modules.named(), at::kCPU, at::kFloat, world);
  modules.backward(1);
  modules.schedule->weight.mutable_grad()[0][0] = NAN;
  EXPECT_EQ(updater.update(0).skipped.item<float>(), 1);
  EXPECT_EQ(modules.network->weight.item<double>(), 1);
}

// With muon a matrix has one moment.
TEST(ParameterUpdater, KeepsOneMomentOfMatricesOfMuon) {
  World world;
  torch::nn::Linear network{torch::nn::LinearOptions(3, 2)};
  TrainConfig config = plain_adam();
  config.optimizer = OptimizerKind::kMuon;
  config.ema_snapshot_every = 5;
  ParameterUpdater updater(config, {{std::string(kNetwork), network.ptr()}}, at::kCPU, at::kFloat,
                           world);
  for (int64_t step = 0; step < 2; ++step) {
    ((network->weight * at::arange(6, at::kFloat).view({2, 3})).sum() + network->bias.sum())
        .backward();
    updater.update(step);
  }
  const auto sections = updater.state(/*gather=*/true);
  EXPECT_EQ(paths_of(sections), (std::vector<std::string>{"model", "ema", "exp_avg", "exp_avg_sq",
                                                          "ema_0.05", "ema_0.1", "counters"}));
  EXPECT_EQ(sections[2].tensors.size(), 2u);
  ASSERT_EQ(sections[3].tensors.size(), 1u);
  EXPECT_EQ(sections[3].tensors[0].first, "bias");
  EXPECT_EQ(sections[4].tensors.size(), 2u);
  EXPECT_FALSE(at::equal(sections[4].tensors[0].second, sections[5].tensors[0].second));
}

TEST(ParameterUpdater, KeepsTheStateOfEachModuleInSectionsOfItsOwn) {
  World world;
  const Modules modules;
  ParameterUpdater updater(plain_adam(), modules.named(), at::kCPU, at::kFloat, world);
  modules.backward(8);
  updater.update(0);
  const auto sections = updater.state(/*gather=*/true);
  EXPECT_EQ(
      paths_of(sections),
      (std::vector<std::string>{"model", "ema", "exp_avg", "exp_avg_sq", "modules/schedule/model",
                                "modules/schedule/ema", "modules/schedule/exp_avg",
                                "modules/schedule/exp_avg_sq", "counters"}));
  const NamedTensors &averages = sections[5].tensors, &moments = sections[6].tensors;
  ASSERT_EQ(averages.size(), 2u);  // a frozen parameter is its own average and has no moments
  ASSERT_EQ(moments.size(), 1u);
  EXPECT_EQ(averages[1].first, "bias");
  EXPECT_EQ(averages[1].second.item<double>(), 2);
  EXPECT_EQ(moments[0].first, "weight");
  EXPECT_NEAR(moments[0].second[0][0].item<double>(), 0.1 * 8, 1e-6);  // (1 - beta1) g
  EXPECT_EQ(sections[8].tensors.back().second.item<float>(), 1);       // optimizer_updates
}

}  // namespace
}  // namespace diffuse
