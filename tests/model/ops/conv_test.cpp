#include "src/model/ops/conv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

namespace diffuse::ops {
namespace {

at::Tensor leaf(at::IntArrayRef shape, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.83 * index + phase).sin().to(at::kFloat).view(shape).requires_grad_();
}

void expect_close(const at::Tensor& found, const at::Tensor& wanted) {
  ASSERT_EQ(found.sizes(), wanted.sizes());
  EXPECT_LT((found - wanted).abs().max().item<double>(), 1e-5 * wanted.abs().max().item<double>());
}

// The direct convolution in float64.
at::Tensor direct(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  at::IntArrayRef stride, at::IntArrayRef padding) {
  return at::conv2d(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble), stride,
                    padding);
}

// Windows of a UNet; 32 channels are where the CPU takes Winograd's way for 3x3.
TEST(Conv, EqualsTheDirectWayForAllWindows) {
  for (const int64_t channels : {5, 32}) {
    const at::Tensor x = leaf({2, channels, 8, 8}, 0), bias = leaf({channels}, 1);
    const at::Tensor square = leaf({channels, channels, 3, 3}, 2);
    expect_close(conv2d(x, square, bias, {3, 1, 1}), direct(x, square, bias, {1, 1}, {1, 1}));
    expect_close(conv2d(x, square, bias, {3, 2, 0}), direct(x, square, bias, {2, 2}, {0, 0}));
    const at::Tensor point = leaf({channels, channels, 1, 1}, 3);
    expect_close(conv2d(x, point, bias, {1, 1, 0}), direct(x, point, bias, {1, 1}, {0, 0}));
    const at::Tensor signal = leaf({2, channels, 1, 16}, 4),
                     row = leaf({channels, channels, 1, 3}, 5);
    expect_close(conv2d(signal, row, bias, {3, 1, 1, true}),
                 direct(signal, row, bias, {1, 1}, {0, 1}));
    expect_close(conv2d(signal, row, bias, {3, 2, 1, true}),
                 direct(signal, row, bias, {1, 2}, {0, 1}));
    const Window doubled{.kernel = 3, .stride = 1, .padding = 1, .doubled = true};
    const at::Tensor wide = signal.repeat_interleave(2, 3);
    expect_close(
        conv2d(x, square, bias, doubled),
        direct(x.repeat_interleave(2, 2).repeat_interleave(2, 3), square, bias, {1, 1}, {1, 1}));
    Window of_signals = doubled;
    of_signals.signal = true;
    expect_close(conv2d(signal, row, bias, of_signals), direct(wide, row, bias, {1, 1}, {0, 1}));
  }
}

TEST(Conv, BiasedLosesNoBias) {
  const at::Tensor x = leaf({2, 4, 8, 8}, 0), weight = leaf({6, 4, 3, 3}, 1), bias = leaf({6}, 2);
  const Biased found = conv2d_biased(x, weight, bias, {3, 1, 1});
  const at::Tensor sum =
      found.bias.defined() ? found.value + found.bias.view({1, 6, 1, 1}) : found.value;
  expect_close(sum, direct(x, weight, bias, {1, 1}, {1, 1}));
}

TEST(Conv, ResidualSumAddsValueBiasAndInput) {
  const at::NoGradGuard guard;
  const at::Tensor h = leaf({2, 3, 4, 4}, 0), x = leaf({2, 3, 4, 4}, 1), bias = leaf({3}, 2);
  expect_close(residual_sum({h.clone()}, x), h + x);
  expect_close(residual_sum({h.clone(), bias}, x), h + x + bias.view({1, 3, 1, 1}));
}

// Of x alone and of two tensors, with and without gradients.
TEST(Conv, ResidualConvEqualsAConvolutionOfTheConcatenated) {
  const at::Tensor h = leaf({2, 7, 4, 4}, 0), x = leaf({2, 3, 4, 4}, 1),
                   skip = leaf({2, 2, 4, 4}, 2), weight = leaf({7, 5, 1, 1}, 3),
                   bias = leaf({7}, 4);
  for (const bool gradients : {true, false}) {
    const at::AutoGradMode mode(gradients);
    const auto sum = [&h] { return h.clone(at::MemoryFormat::ChannelsLast); };
    expect_close(residual_conv1x1({sum(), bias}, x, skip, weight),
                 h + direct(at::cat({x, skip}, 1), weight, bias, {1, 1}, {0, 0}));
    const at::Tensor some = weight.slice(1, 0, 3);
    expect_close(residual_conv1x1({sum()}, x, {}, some),
                 h + direct(x, some, at::zeros({7}), {1, 1}, {0, 0}));
  }
}

// Gradients of all operands against those of the direct way, in float64.
TEST(Conv, ResidualConvHasTheConvolutionsGradients) {
  for (const bool joined : {false, true}) {
    const at::Tensor h = leaf({2, 7, 4, 4}, 0), x = leaf({2, 3, 4, 4}, 1),
                     skip = joined ? leaf({2, 2, 4, 4}, 2) : at::Tensor(),
                     weight = leaf({7, joined ? 5 : 3, 1, 1}, 3);
    const at::Tensor up = leaf({2, 7, 4, 4}, 5).detach();
    const auto gradients = [&](const at::Tensor& y) {
      std::vector<at::Tensor> found{y.detach().clone()};
      y.backward(up.to(y.scalar_type()));
      for (const at::Tensor& operand : {h, x, skip, weight})
        if (operand.defined()) {
          found.push_back(operand.grad());
          at::Tensor(operand).mutable_grad() = at::Tensor();
        }
      return found;
    };
    const auto last = [](const at::Tensor& t) {
      return (2 * t).contiguous(at::MemoryFormat::ChannelsLast);
    };
    const auto mine = gradients(residual_conv1x1({last(h)}, last(x), skip, weight));
    const at::Tensor all = joined ? at::cat({last(x), skip}, 1) : last(x);
    const auto wanted = gradients(last(h) + direct(all, weight, at::zeros({7}), {1, 1}, {0, 0}));
    ASSERT_EQ(mine.size(), wanted.size());
    for (size_t i = 0; i < mine.size(); ++i) expect_close(mine[i], wanted[i]);
  }
}

}  // namespace
}  // namespace diffuse::ops
