#include "src/model/ops/cpu/winograd.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "src/core/device.h"
#include "src/model/weight_cache.h"

namespace diffuse::ops::cpu {
namespace {

// A leaf of values in [-1, 1] without a pattern.
at::Tensor leaf(at::IntArrayRef shape, at::ScalarType type, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (12.9898 * index + phase)
      .sin()
      .mul(43758.5453)
      .frac()
      .mul(2)
      .sub(1)
      .view(shape)
      .to(type)
      .requires_grad_();
}

// Value and gradients of a convolution: {y, dx, dweight, dbias}.
template <class Convolve>
std::vector<at::Tensor> run(int64_t in, int64_t out, at::IntArrayRef size, at::ScalarType type,
                            const Convolve& convolve) {
  const at::Tensor x = leaf({3, in, size[0], size[1]}, type, 0.1);
  const at::Tensor weight = leaf({out, in, 3, 3}, type, 0.2), bias = leaf({out}, type, 0.3);
  const at::Tensor y = convolve(x, weight, bias);
  y.backward(leaf(y.sizes(), at::kDouble, 0.4).detach().to(type));
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

void expect_direct(int64_t in, int64_t out, at::IntArrayRef size) {
  const auto ours = run(in, out, size, at::kFloat, winograd_conv3x3);
  const auto theirs = run(in, out, size, at::kDouble,
                          [](const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& bias) { return at::conv2d(x, weight, bias, 1, 1); });
  for (size_t i = 0; i < ours.size(); ++i)
    EXPECT_LT((ours[i] - theirs[i]).abs().max().item<double>(),
              1e-5 * theirs[i].abs().max().item<double>())
        << in << " to " << out << " channels at " << size << ", output or gradient " << i;
}

TEST(Winograd, EqualsDirectConvolutionForwardAndBackward) {
  expect_direct(5, 7, {8, 8});
  expect_direct(32, 48, {16, 12});
}

TEST(Winograd, FillsUpImagesThatTilesDoNotFit) {
  expect_direct(6, 4, {7, 9});
  expect_direct(6, 4, {1, 2});
}

TEST(Winograd, LeavesOutTheGradientsOfFrozenParameters) {
  const auto gradients = [](bool trains_weight, bool trains_bias) {
    return run(5, 7, {8, 8}, at::kFloat,
               [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
                 weight.set_requires_grad(trains_weight);
                 bias.set_requires_grad(trains_bias);
                 return winograd_conv3x3(x, weight, bias);
               });
  };
  const auto all = gradients(true, true), frozen = gradients(false, false),
             bias_alone = gradients(false, true);
  for (const auto& some : {frozen, bias_alone}) {
    EXPECT_TRUE(at::equal(some[1], all[1]));
    EXPECT_FALSE(some[2].defined());
  }
  EXPECT_FALSE(frozen[3].defined());
  EXPECT_TRUE(at::equal(bias_alone[3], all[3]));
}

// Products of other sizes or layouts round otherwise.
void expect_close(const at::Tensor& found, const at::Tensor& wanted) {
  EXPECT_LT((found - wanted).abs().max().item<double>(), 1e-5 * wanted.abs().max().item<double>());
}

TEST(Winograd, ImagesDoNotDependOnTheirBatch) {
  const at::Tensor x = leaf({5, 32, 8, 8}, at::kFloat, 0.5).detach();
  const at::Tensor weight = leaf({32, 32, 3, 3}, at::kFloat, 0.6).detach(), bias = at::zeros({32});
  const at::Tensor all = winograd_conv3x3(x, weight, bias);
  expect_close(winograd_conv3x3(x.slice(0, 3, 4), weight, bias), all.slice(0, 3, 4));
}

// Against float64 of the same rounded numbers: only y is rounded, to 8 bits.
TEST(Winograd, GivesBfloat16UnderAutocastAndComputesInFloat32) {
  const at::Tensor x = leaf({2, 32, 8, 8}, at::kBFloat16, 0.5), bias = leaf({32}, at::kFloat, 0.1);
  const at::Tensor weight = leaf({32, 32, 3, 3}, at::kFloat, 0.6);
  const AutocastScope autocast(at::kCPU, at::kBFloat16);
  const at::Tensor y = winograd_conv3x3(x, weight, bias);
  const at::Tensor wanted =
      at::conv2d(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble), 1, 1);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_LT((y - wanted).abs().max().item<double>(), 0.004 * wanted.abs().max().item<double>());
  y.sum().backward();
  EXPECT_EQ(x.grad().scalar_type(), at::kBFloat16);
}

TEST(Winograd, KeepsFiltersInAScopeAlone) {
  const at::Tensor x = leaf({1, 32, 8, 8}, at::kFloat, 0.5).detach();
  const at::Tensor weight = leaf({32, 32, 3, 3}, at::kFloat, 0.6).detach(), bias = at::zeros({32});
  const at::Tensor plain = winograd_conv3x3(x, weight, bias);
  WeightCache filters;
  {
    const WeightCacheScope keep(filters);
    expect_close(winograd_conv3x3(x, weight, bias), plain);
    filters.begin()->second.mul_(2);  // so that it shows where they come from
    expect_close(winograd_conv3x3(x, weight, bias), 2 * plain);
  }
  EXPECT_EQ(filters.size(), 1u);
  EXPECT_TRUE(at::equal(winograd_conv3x3(x, weight, bias), plain));
}

}  // namespace
}  // namespace diffuse::ops::cpu
