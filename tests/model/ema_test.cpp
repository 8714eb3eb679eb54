#include "src/model/ema.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>

namespace diffuse {
namespace {

struct Toy : torch::nn::Module {
  Toy()
      : weight(register_parameter("weight", at::full({2, 3}, 1.0))),
        bias(register_parameter("bias", at::full({2}, -1.0))),
        table(register_buffer("table", at::full({4}, 7.0))) {}
  void set(double value) {
    const at::NoGradGuard no_grad;
    weight.fill_(value);
    bias.fill_(-value);
  }
  at::Tensor weight, bias, table;
};

TEST(Ema, OfAConstantIsThatConstant) {
  Toy toy;
  Ema ema(toy.parameters(), 0.9, false);
  for (int64_t step = 0; step < 20; ++step) ema.update(step);
  ASSERT_EQ(ema.averages().size(), 2u);
  EXPECT_TRUE(at::equal(ema.averages()[0], at::full({2, 3}, 1.0)));
  EXPECT_TRUE(at::equal(ema.averages()[1], at::full({2}, -1.0)));
}

// From 1 towards 3 with decay d: 3 - 2 d^n
TEST(Ema, FollowsItsClosedForm) {
  Toy toy;
  Ema ema(toy.parameters(), 0.9, false);
  toy.set(3);
  for (int64_t step = 0; step < 10; ++step) ema.update(step);
  EXPECT_NEAR(ema.averages()[0][1][2].item<double>(), 3 - 2 * std::pow(0.9, 10), 1e-6);
  EXPECT_EQ(toy.weight[0][0].item<float>(), 3);
}

// The weight left on the start is the product of (1 + s) / (10 + s): 1/10 2/11 3/12 = 1/220
TEST(Ema, WarmsUp) {
  Toy toy;
  Ema ema(toy.parameters(), 0.9999, true);
  toy.set(221);
  for (int64_t step = 0; step < 3; ++step) ema.update(step);
  EXPECT_NEAR(ema.averages()[0][0][0].item<double>(), 220, 1e-4);
  EXPECT_DOUBLE_EQ(ema.decay_at(1'000'000), 0.9999);
  EXPECT_DOUBLE_EQ(Ema(toy.parameters(), 0.5, true).decay_at(90), 0.5);
}

TEST(Ema, KeepsAveragesOfHalfPrecisionInFloat32) {
  Toy toy;
  toy.to(at::kBFloat16);
  Ema ema(toy.parameters(), 0.999, false);
  toy.set(2);
  ema.update(0);  // 1.001 is not a bfloat16
  const at::Tensor average = ema.averages()[0];
  EXPECT_EQ(average.scalar_type(), at::kFloat);
  EXPECT_NEAR(average[0][0].item<double>(), 1.001, 1e-6);
  const EmaScope scope(ema);
  EXPECT_EQ(toy.weight.scalar_type(), at::kBFloat16);
}

TEST(EmaScope, LendsTheAveragesAndGivesTheParametersBack) {
  Toy toy;
  const Ema ema(toy.parameters(), 0.9, false);
  toy.set(5);
  {
    const EmaScope scope(ema);
    EXPECT_EQ(toy.weight[0][0].item<float>(), 1);
    EXPECT_EQ(toy.named_parameters()["bias"][0].item<float>(), -1);
    EXPECT_EQ(toy.table[0].item<float>(), 7);
    EXPECT_TRUE(toy.weight.requires_grad());
  }
  EXPECT_EQ(toy.weight[0][0].item<float>(), 5);
  EXPECT_EQ(toy.bias[0].item<float>(), -5);
  EXPECT_TRUE(toy.weight.requires_grad() && toy.weight.is_leaf());
  toy.weight.square().sum().backward();
  EXPECT_EQ(toy.weight.grad()[0][0].item<float>(), 10);
  EXPECT_EQ(ema.averages()[0][0][0].item<float>(), 1);
}

TEST(Ema, AveragesCanBeRestoredInPlace) {
  Toy toy;
  Ema ema(toy.parameters(), 0.9, false);
  ema.averages()[0].fill_(4);
  const EmaScope scope(ema);
  EXPECT_EQ(toy.weight[1][1].item<float>(), 4);
}

}  // namespace
}  // namespace diffuse
