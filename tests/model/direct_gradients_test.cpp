#include "src/model/direct_gradients.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "src/model/ops/conv.h"
#include "src/model/ops/cuda/sums.h"
#include "src/model/ops/group_norm.h"
#include "src/model/ops/linear.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse {
namespace {

// Parameters with gradients of 0 in one memory.
std::vector<at::Tensor> trained(const std::vector<std::vector<int64_t>>& shapes) {
  const at::Tensor all = at::zeros({1000});
  std::vector<at::Tensor> found;
  int64_t offset = 0;
  for (const auto& shape : shapes) {
    at::Tensor x = at::randn(shape).requires_grad_();
    x.mutable_grad() = all.narrow(0, offset, x.numel()).view(shape);
    offset += x.numel();
    found.push_back(x);
  }
  return found;
}

TEST(DirectGradients, AreOfParametersInAScope) {
  const at::Tensor x = trained({{3}})[0], other = trained({{3}})[0], product = x * 2,
                   fresh = at::randn({3}).requires_grad_();
  EXPECT_FALSE(DirectGradients::of(x).defined());
  {
    const DirectGradients scope(x.grad());
    EXPECT_TRUE(DirectGradients::of(x).is_same(x.grad()));
    for (const at::Tensor& not_one : {other, product, fresh, at::randn({3})})
      EXPECT_FALSE(DirectGradients::of(not_one).defined());
  }
  EXPECT_FALSE(DirectGradients::of(x).defined());
}

TEST(DirectGradients, WaitForTheEndUnlessTheScopeHasGone) {
  const at::Tensor gradient = at::zeros({4}), other = at::zeros({4}), ones = at::ones({4});
  {
    DirectGradients scope(gradient);
    DirectGradients::add(gradient, ones);
    DirectGradients::add(other, ones);
    EXPECT_EQ(gradient.sum().item<float>(), 0);
    EXPECT_EQ(other.sum().item<float>(), 4) << "it has no scope";
    scope.finish();
    EXPECT_EQ(gradient.sum().item<float>(), 4);
    DirectGradients::add(gradient, ones);  // of a backward pass that fails
  }
  EXPECT_EQ(gradient.sum().item<float>(), 4);
  DirectGradients::add(gradient, ones);
  EXPECT_EQ(gradient.sum().item<float>(), 8);
}

// On a card two blocks of one launch that add to the same numbers would lose one of both.
TEST(DirectGradients, AddToAPlaceOnceALaunch) {
  shim::ShimLauncher launcher;
  const at::Tensor all = at::zeros({8}), first = all.narrow(0, 0, 4), second = all.narrow(0, 4, 4),
                   ones = at::ones({4}), rows = at::ones({2, 8});
  DirectGradients scope(all);
  for (int i = 0; i < 3; ++i) DirectGradients::add(first, ones);
  DirectGradients::add(second, ones);
  scope.finish();
  EXPECT_EQ(launcher.launches, 3);
  for (int i = 0; i < 3; ++i) DirectGradients::add_columns(rows, {second, first});
  scope.finish();
  EXPECT_EQ(launcher.launches, 6);
  EXPECT_EQ(first.sum().item<float>(), 4 * (3 + 3 * 2));
  EXPECT_EQ(second.sum().item<float>(), 4 * (1 + 3 * 2));
}

TEST(DirectGradients, DoNotKeepMoreThanALaunchTakes) {
  shim::ShimLauncher launcher;
  const at::Tensor gradients = at::zeros({100, 4});
  const DirectGradients scope(gradients);
  for (int i = 0; i < 100; ++i) DirectGradients::add(gradients[i], at::ones({4}));
  EXPECT_EQ(launcher.launches, 1);
  EXPECT_EQ(gradients.sum().item<float>(), 4 * ops::cuda::kMostOfLaunch);
}

// Combinations of trained and frozen parameters, used twice, against autograd alone.
TEST(DirectGradients, EqualAutograds) {
  at::manual_seed(6);
  const at::Tensor x = at::randn({2, 6, 5, 5}), skip = at::randn({2, 3, 5, 5});
  for (int frozen = 0; frozen < 256; frozen += 5) {
    auto w = trained({{6, 6, 3, 3}, {6}, {6}, {6}, {6, 9, 1, 1}, {6}, {6, 6}, {6}});
    const at::Tensor memory = w[0].grad();
    for (size_t i = 0; i < w.size(); ++i)
      if (frozen >> i & 1) w[i] = w[i].detach();
    const auto gradients = [&](bool direct) {
      const shim::ShimLauncher launcher;
      const auto once = [&](const at::Tensor& in) {
        const auto h = ops::conv2d_biased(in, w[0], w[1], {3, 1, 1});
        const at::Tensor normed = ops::group_norm_silu({h}, {w[2], w[3], 3, 1e-5});
        const auto again = ops::conv2d_biased(normed, w[0], w[1], {3, 1, 1}, w[5]);
        const at::Tensor sum = ops::residual_conv1x1(again, in, skip, w[4]);
        return ops::linear(sum.permute({0, 2, 3, 1}), w[6], w[7]).permute({0, 3, 1, 2});
      };
      for (const at::Tensor& parameter : w)
        if (parameter.requires_grad()) parameter.grad().zero_();
      std::optional<DirectGradients> scope;
      if (direct) scope.emplace(memory);
      const at::Tensor in = x.clone().requires_grad_(), y = once(once(in));
      y.square().sum().backward();
      if (direct) scope->finish();
      std::vector<at::Tensor> found{in.grad()};
      for (const at::Tensor& parameter : w)
        found.push_back(parameter.requires_grad() ? parameter.grad().clone() : at::zeros({1}));
      return found;
    };
    const auto wanted = gradients(false), mine = gradients(true);
    for (size_t i = 0; i < wanted.size(); ++i)
      EXPECT_LT((mine[i] - wanted[i]).abs().max().item<double>(),
                1e-5 * (1 + wanted[i].abs().max().item<double>()))
          << frozen << " " << i;
  }
}

}  // namespace
}  // namespace diffuse
