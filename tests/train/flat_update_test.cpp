#include "src/train/flat_update.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/model/compute_scope.h"
#include "src/model/ema.h"
#include "src/train/optimizer.h"

namespace diffuse {
namespace {

std::vector<at::Tensor> some_parameters() {
  at::manual_seed(3);
  std::vector<at::Tensor> parameters{
      at::randn({5}), at::randn({7, 3, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast),
      at::randn({33, 2}), at::randn({})};
  for (at::Tensor& p : parameters) p.set_requires_grad(true);
  return parameters;
}

at::Tensor loss_of(const std::vector<at::Tensor>& parameters, int step) {
  at::Tensor loss = at::zeros({});
  for (const at::Tensor& p : parameters) loss = loss + (p * p + (p * (step + 1.0)).sin()).sum();
  return loss;
}

TEST(FlatBuffer, PartsKeepShapeLayoutAndValues) {
  const auto parameters = some_parameters();
  const FlatBuffer flat = flat_copy(parameters, at::kFloat);
  EXPECT_EQ(flat.all.numel(), 32 + 192 + 96 + 32);
  for (size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(flat.parts[i], parameters[i]));
    EXPECT_EQ(flat.parts[i].strides(), parameters[i].strides());
  }
  flat.all.zero_();
  EXPECT_EQ(flat.parts[1].abs().sum().item<float>(), 0);
}

// Against the updates of tensors one by one: clipped and not, Adam and AdamW, with the loss scaled or not.
TEST(FlatUpdate, GivesWhatSeparateTensorsGive) {
  for (const OptimizerKind optimizer : {OptimizerKind::kAdam, OptimizerKind::kAdamw})
    for (const double clip : {0.0, 0.5, 1e6})
      for (const bool scaled : {false, true}) {
        TrainConfig config;
        config.optimizer = optimizer;
        config.weight_decay = 0.1;
        config.gradient_clip = clip;
        const auto apart = some_parameters(), together = some_parameters();
        Adam adam(config, apart, at::kCPU);
        Ema ema(apart, 0.9, false);
        FlatUpdate flat(config, together, at::kFloat);
        LossScaler one(scaled, at::kCPU), two(scaled, at::kCPU);
        const at::Tensor count = at::zeros({});
        for (int step = 0; step < 5; ++step) {
          one.scale(loss_of(apart, step)).backward();
          auto gradients = gradients_of(apart);
          const at::Tensor found_inf = one.unscale(gradients), norm = gradient_norm(gradients);
          if (clip > 0) clip_gradients(gradients, norm, clip);
          adam.step(0.01, found_inf);
          ema.update(step);
          for (const at::Tensor& p : apart) p.mutable_grad().reset();

          two.scale(loss_of(together, step)).backward();
          flat.prepare(0.01, 0.9);
          const auto [flat_norm, skipped] = flat.run(two, count);
          EXPECT_NEAR(flat_norm.item<double>() / norm.item<double>(), 1, 1e-5);
          EXPECT_EQ(skipped.item<float>(), 0);
        }
        EXPECT_EQ(count.item<float>(), 5);
        for (size_t i = 0; i < apart.size(); ++i) {
          EXPECT_TRUE(at::allclose(together[i], apart[i], 1e-4, 1e-6)) << optimizer << clip << i;
          EXPECT_TRUE(at::allclose(flat.averages()[i], ema.averages()[i], 1e-4, 1e-6)) << i;
          EXPECT_TRUE(at::allclose(flat.first_moment()[i], adam.first_moment()[i], 1e-4, 1e-6));
          EXPECT_TRUE(at::allclose(flat.second_moment()[i], adam.second_moment()[i], 1e-4, 1e-6));
        }
      }
}

TEST(FlatUpdate, LeavesOutAnUpdateOfBadGradients) {
  const auto parameters = some_parameters();
  FlatUpdate flat({}, parameters, at::kFloat);
  LossScaler scaler(true, at::kCPU);
  const at::Tensor count = at::zeros({}), before = parameters[0].detach().clone();
  loss_of(parameters, 0).backward();
  parameters[1].mutable_grad()[0][0][0][0] = INFINITY;
  flat.prepare(0.1, 0.9);
  EXPECT_EQ(flat.run(scaler, count).second.item<float>(), 1);
  EXPECT_EQ(count.item<float>(), 0);
  EXPECT_EQ(scaler.scale().item<float>(), 32768);
  EXPECT_TRUE(at::equal(parameters[0], before));
  EXPECT_EQ(flat.gradients().abs().sum().item<float>(), 0);
  loss_of(parameters, 0).backward();
  EXPECT_EQ(flat.run(scaler, count).second.item<float>(), 0);
  EXPECT_FALSE(at::equal(parameters[0], before));
}

TEST(FlatUpdate, RefreshesTheLowCopies) {
  const auto parameters = some_parameters();
  FlatUpdate flat({}, parameters, at::kBFloat16);
  LossScaler scaler(false, at::kCPU);
  const at::Tensor count = at::zeros({});
  loss_of(parameters, 0).backward();
  flat.prepare(0.1, 0.9);
  flat.run(scaler, count);
  ASSERT_EQ(flat.low_copies().size(), 4u);
  for (const at::Tensor& p : parameters) {
    const at::Tensor low = flat.low_copies().at(p.const_data_ptr());
    EXPECT_TRUE(at::equal(low, p.to(at::kBFloat16)));
    EXPECT_EQ(low.strides(), p.strides());
  }
}

TEST(FlatUpdate, KeepsLowCopiesOfFrozenParameters) {
  const auto parameters = some_parameters();
  const at::Tensor frozen = at::full({3}, 1.25f);
  FlatUpdate flat({}, parameters, at::kBFloat16, {frozen});
  const auto low = [&] { return flat.low_copies().at(frozen.const_data_ptr()); };
  const void* const place = low().const_data_ptr();
  EXPECT_TRUE(at::equal(low(), at::full({3}, 1.25f).to(at::kBFloat16)));
  frozen.fill_(2.5);
  flat.restored();
  EXPECT_TRUE(at::equal(low(), at::full({3}, 2.5f).to(at::kBFloat16)));
  EXPECT_EQ(low().const_data_ptr(), place);  // which recorded kernels read
  EXPECT_EQ(flat.gradients().numel(), 32 + 192 + 96 + 32);
}

}  // namespace
}  // namespace diffuse
