// The kernels that add biases, run on the CPU, against LibTorch's operators.
#include "src/model/ops/cuda/bias.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/model/ops/conv.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::ops {
namespace {

at::Tensor leaf(at::IntArrayRef sizes, at::ScalarType type) {
  return at::randn(sizes).to(type).requires_grad_();
}

void expect_close(const at::Tensor& mine, const at::Tensor& wanted, double tolerance) {
  EXPECT_LT((mine.detach().to(at::kDouble) - wanted.detach()).abs().max().item<double>(),
            tolerance * (1 + wanted.detach().abs().max().item<double>()));
}

void expect_sum(at::IntArrayRef sizes, at::ScalarType type, bool residual, bool biased,
                double tolerance) {
  SCOPED_TRACE(testing::Message() << sizes << " " << type << " " << residual << biased);
  const shim::ShimLauncher launcher(3);
  at::manual_seed(2);
  const at::Tensor h = leaf(sizes, type), x = leaf(sizes, type),
                   bias = leaf({sizes[1]}, at::kFloat);
  const auto wide = [](const at::Tensor& t) { return t.detach().to(at::kDouble).requires_grad_(); };
  const at::Tensor h2 = wide(h), x2 = wide(x), bias2 = wide(bias);
  const at::Tensor y = cuda::add_bias(h, residual ? x : at::Tensor(), biased ? bias : at::Tensor());
  at::Tensor wanted = h2;
  if (residual) wanted = wanted + x2;
  if (biased) wanted = wanted + bias2.view({1, -1, 1, 1});
  if (!residual && !biased) wanted = wanted + 0;
  expect_close(y, wanted, tolerance);
  const at::Tensor dy = at::randn(sizes).to(type);
  y.backward(dy);
  wanted.backward(dy.to(at::kDouble));
  expect_close(h.grad(), h2.grad(), 0x1p-30);
  if (residual) expect_close(x.grad(), x2.grad(), 0x1p-30);
  if (biased) expect_close(bias.grad(), bias2.grad(), 1e-6);
}

TEST(KernelBias, EqualsLibTorchForwardAndBackward) {
  const std::vector<std::vector<int64_t>> shapes{{2, 32, 8, 8},  {1, 3, 5, 7},     {5, 40, 1, 1},
                                                 {1, 300, 9, 3}, {3, 128, 16, 16}, {1, 4096, 2, 1}};
  for (const auto& sizes : shapes)
    for (const bool residual : {false, true})
      for (const bool biased : {false, true}) {
        expect_sum(sizes, at::kFloat, residual, biased, 1e-6);
        expect_sum(sizes, at::kBFloat16, residual, biased, 0x1p-8);
        expect_sum(sizes, at::kHalf, residual, biased, 0x1p-11);
      }
}

TEST(KernelBias, AddsTwoBiases) {
  const shim::ShimLauncher launcher(3);
  at::manual_seed(3);
  const at::Tensor h = leaf({2, 8, 4, 4}, at::kFloat), first = leaf({8}, at::kFloat),
                   second = leaf({8}, at::kFloat);
  const at::Tensor y = cuda::add_bias(h, {}, first, second), dy = at::randn_like(y);
  expect_close(y, h + (first + second).view({1, 8, 1, 1}), 1e-6);
  y.backward(dy);
  for (const at::Tensor& bias : {first, second})
    expect_close(bias.grad(), dy.to(at::kDouble).sum(at::IntArrayRef{0, 2, 3}), 1e-6);
}

TEST(KernelBias, OverwritesWithoutGradients) {
  const shim::ShimLauncher launcher;
  const at::NoGradGuard no_grad;
  const at::Tensor h = at::randn({2, 8, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor before = h.clone(), bias = at::randn({8});
  const at::Tensor y = cuda::add_bias(h, {}, bias);
  EXPECT_EQ(y.data_ptr(), h.data_ptr());
  EXPECT_TRUE(at::equal(y, before + bias.view({1, 8, 1, 1})));
}

TEST(KernelBias, SumsRowsOfMatrices) {
  const shim::ShimLauncher launcher(7);
  for (const int64_t rows : {1, 3, 1000})
    for (const int64_t columns : {1, 33, 64}) {
      const at::Tensor x = at::randn({rows, columns});
      expect_close(cuda::row_sum(x), x.to(at::kDouble).sum(0), 1e-6);
    }
  EXPECT_TRUE(at::equal(cuda::row_sum(at::empty({0, 4})), at::zeros({4})));
}

TEST(KernelBias, DoesNotDependOnTheOrderOfThreads) {
  const shim::ShimLauncher launcher(7);
  for (const at::Tensor& x : {at::randn({5000, 48}), at::randn({700, 33})}) {
    const at::Tensor wanted = cuda::row_sum(x);
    const shim::LastFirst turned;
    EXPECT_TRUE(at::equal(cuda::row_sum(x), wanted));
  }
}

TEST(KernelBias, ServesConvolutionsWithZerosAtTheEnd) {
  at::manual_seed(4);
  const at::Tensor weight = at::randn({6, 4, 3, 3}), bias = at::randn({6});
  for (const bool signal : {false, true})
    for (const int64_t size : {8, 7, 2}) {
      const at::Tensor x = at::randn({2, 4, signal ? 1 : size, size});
      const at::Tensor w = signal ? weight.narrow(2, 1, 1) : weight;
      const Window window{.kernel = 3, .stride = 2, .padding = 1, .signal = signal, .at_end = true};
      const at::Tensor padded = at::constant_pad_nd(x, {0, 1, 0, signal ? 0 : 1});
      const at::Tensor wanted = at::conv2d(padded, w, bias, {signal ? 1 : 2, 2});
      EXPECT_TRUE(at::allclose(conv2d(x, w, bias, window), wanted, 1e-5, 1e-5)) << signal << size;
      const shim::ShimLauncher launcher;
      EXPECT_TRUE(at::allclose(conv2d(x, w, bias, window), wanted, 1e-5, 1e-5)) << signal << size;
    }
}

// The operations that use them, against themselves without kernels.
TEST(KernelBias, ServesTheOperations) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({2, 6, 8, 8}), skip = at::randn({2, 3, 8, 8}),
                   weight = at::randn({6, 6, 3, 3}), bias = at::randn({6}),
                   shortcut = at::randn({6, 9, 1, 1});
  const auto outputs = [&] {
    const auto fresh = [&] { return conv2d_biased(x, weight, bias, {3, 1, 1}); };
    return std::vector<at::Tensor>{conv2d(x, weight, bias, {3, 1, 1}),
                                   conv2d(x, weight, bias, {3, 2, 1}), residual_sum(fresh(), x),
                                   residual_conv1x1(fresh(), x, skip, shortcut)};
  };
  const auto wanted = outputs();
  shim::ShimLauncher launcher;
  const auto mine = outputs();
  EXPECT_EQ(launcher.launches, 4);
  for (size_t i = 0; i < mine.size(); ++i)
    EXPECT_TRUE(at::allclose(mine[i], wanted[i], 1e-5, 1e-5)) << i;
}

}  // namespace
}  // namespace diffuse::ops
