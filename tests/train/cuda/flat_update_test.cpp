// The optimiser's kernels, run on the CPU, against LibTorch's fused kernels and operators.
#include "src/train/cuda/flat_update.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "src/train/optimizer.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse {
namespace {

TrainConfig config_for(OptimizerKind optimizer, double clip) {
  TrainConfig config;
  config.optimizer = optimizer;
  config.weight_decay = 0.01;
  config.gradient_clip = clip;
  return config;
}

at::Tensor scalar(double value, at::ScalarType type) { return at::scalar_tensor(value, type); }

// Two groups in flat buffers and what is updated by LibTorch beside them.
struct State {
  explicit State(at::ScalarType gradients, at::ScalarType low) {
    at::manual_seed(6);
    for (const int64_t count : {1030, 77}) {
      const at::Tensor p = at::randn({count});
      groups.push_back({p, at::zeros({count}, gradients), at::zeros({count}), at::zeros({count}),
                        p.clone(), low == at::kFloat ? at::Tensor() : p.to(low)});
      reference.push_back(p.clone().requires_grad_());
      averages.push_back(p.clone());
    }
  }
  std::vector<cuda::FlatGroup> groups;
  std::vector<at::Tensor> reference, averages;
  cuda::UpdateScalars scalars{
      scalar(0, at::kDouble), scalar(0, at::kDouble), {},
      scalar(0, at::kFloat),  scalar(-1, at::kFloat), scalar(-1, at::kFloat)};
};

void draw_gradients(State& state, double scale) {
  for (size_t i = 0; i < state.groups.size(); ++i) {
    state.groups[i].gradient.copy_(scale * at::randn_like(state.reference[i].detach()));
    state.reference[i].mutable_grad() = state.groups[i].gradient.to(at::kFloat) / scale;
  }
}

void update(const TrainConfig& config, State& state, double rate, double decay, double scale,
            at::ScalarType low) {
  state.scalars.learning_rate.fill_(rate);
  state.scalars.average_decay.fill_(decay);
  state.scalars.loss_scale = scalar(scale, at::kFloat);
  std::vector<at::Tensor> gradients;
  for (const auto& group : state.groups) gradients.push_back(group.gradient);
  const at::Tensor prepared =
      cuda::prepare_update(config, cuda::gradient_squares(gradients, low), state.scalars, low);
  for (const auto& group : state.groups) cuda::update_group(group, prepared, low);
}

// Five updates by both.
void expect_equal_updates(const TrainConfig& config, at::ScalarType gradients, at::ScalarType low,
                          double scale) {
  const shim::ShimLauncher launcher;
  State state(gradients, low);
  Adam adam(config, state.reference, at::kCPU);
  const at::Tensor finite = scalar(0, at::kFloat);
  for (int step = 0; step < 5; ++step) {
    const double rate = 0.01 * (step + 1), decay = step < 3 ? 0.2 : 0.99;
    draw_gradients(state, scale);
    update(config, state, rate, decay, scale, low);
    auto found = gradients_of(state.reference);
    const at::Tensor norm = gradient_norm(found);
    if (config.gradient_clip > 0) clip_gradients(found, norm, config.gradient_clip);
    adam.step(rate, finite);
    EXPECT_NEAR(state.scalars.norm.item<double>(), norm.item<double>(), 1e-5 * 40);
    EXPECT_EQ(state.scalars.found_inf.item<float>(), 0);
    EXPECT_EQ(state.scalars.count.item<float>(), step + 1);
    for (size_t i = 0; i < state.groups.size(); ++i) {
      const auto& group = state.groups[i];
      state.averages[i].lerp_(state.reference[i].detach(), 1 - decay);
      EXPECT_TRUE(at::allclose(group.parameter, state.reference[i].detach(), 1e-5, 1e-6));
      EXPECT_TRUE(at::allclose(group.first_moment, adam.first_moment()[i], 1e-5, 1e-6));
      EXPECT_TRUE(at::allclose(group.second_moment, adam.second_moment()[i], 1e-5, 1e-7));
      EXPECT_TRUE(at::allclose(group.average, state.averages[i], 1e-5, 1e-6));
      if (group.low.defined()) {
        EXPECT_TRUE(at::equal(group.low, group.parameter.to(low)));
      }
    }
  }
}

TEST(FlatUpdate, EqualsLibTorchsFusedKernels) {
  for (const OptimizerKind optimizer : {OptimizerKind::kAdam, OptimizerKind::kAdamw})
    for (const double clip : {0.0, 1.0, 1e6}) {
      const TrainConfig config = config_for(optimizer, clip);
      expect_equal_updates(config, at::kFloat, at::kFloat, 1);
      expect_equal_updates(config, at::kFloat, at::kBFloat16, 1);
      expect_equal_updates(config, at::kBFloat16, at::kBFloat16, 1);
      expect_equal_updates(config, at::kHalf, at::kHalf, 1024);
    }
}

TEST(FlatUpdate, SkipsWhatIsNotFiniteButAveragesOn) {
  const shim::ShimLauncher launcher;
  const TrainConfig config = config_for(OptimizerKind::kAdam, 1);
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    State state(at::kFloat, at::kBFloat16);
    draw_gradients(state, 1);
    state.groups[1].gradient[76] = bad;
    const at::Tensor before = state.groups[0].parameter.clone();
    state.groups[0].average.fill_(1);
    update(config, state, 0.1, 0.75, 1, at::kBFloat16);
    EXPECT_EQ(state.scalars.found_inf.item<float>(), 1);
    EXPECT_EQ(state.scalars.count.item<float>(), 0);
    EXPECT_TRUE(at::equal(state.groups[0].parameter, before));
    EXPECT_TRUE(at::equal(state.groups[0].first_moment, at::zeros({1030})));
    EXPECT_TRUE(at::allclose(state.groups[0].average, 0.75 + 0.25 * before));
  }
}

TEST(FlatUpdate, DoesNotDependOnTheOrderOfThreads) {
  const shim::ShimLauncher launcher;
  const auto run = [] {
    State state(at::kFloat, at::kBFloat16);
    draw_gradients(state, 1);
    update(config_for(OptimizerKind::kAdam, 1), state, 0.1, 0.9, 1, at::kBFloat16);
    return at::cat(
        {state.groups[0].parameter, state.groups[1].average, state.scalars.norm.view({1})});
  };
  const at::Tensor wanted = run();
  const shim::LastFirst turned;
  EXPECT_TRUE(at::equal(run(), wanted));
}

TEST(FlatUpdate, ReadsBuffersThatBeginAnywhere) {
  const shim::ShimLauncher launcher;
  const TrainConfig config = config_for(OptimizerKind::kAdam, 0);
  const auto run = [&](int64_t offset) {
    State state(at::kFloat, at::kBFloat16);
    draw_gradients(state, 1);
    cuda::FlatGroup& group = state.groups[0];
    for (at::Tensor* buffer : {&group.parameter, &group.gradient, &group.first_moment,
                               &group.second_moment, &group.average, &group.low}) {
      const at::Tensor longer = at::zeros({1030 + offset}, buffer->options());
      longer.slice(0, offset).copy_(*buffer);
      *buffer = longer.slice(0, offset);
    }
    update(config, state, 0.1, 0.9, 1, at::kBFloat16);
    return at::cat({group.parameter, group.average, group.low.to(at::kFloat)});
  };
  EXPECT_TRUE(at::equal(run(0), run(1)));
}

}  // namespace
}  // namespace diffuse
