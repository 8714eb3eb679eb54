#include "src/model/ops/cpu/winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <vector>

#include "src/core/device.h"

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

void expect_direct(int64_t in, int64_t out, at::IntArrayRef size, const WinogradKernels& kernels,
                   bool doubled = false) {
  const auto ours = run(in, out, size, at::kFloat,
                        [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
                          return winograd_conv3x3(x, weight, bias, doubled, kernels);
                        });
  const auto theirs =
      run(in, out, size, at::kDouble,
          [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
            const at::Tensor large = x.repeat_interleave(2, 2).repeat_interleave(2, 3);
            return at::conv2d(doubled ? large : x, weight, bias, 1, 1);
          });
  for (size_t i = 0; i < ours.size(); ++i)
    EXPECT_LT((ours[i] - theirs[i]).abs().max().item<double>(),
              1e-5 * theirs[i].abs().max().item<double>())
        << in << " to " << out << " channels at " << size << (doubled ? ", doubled" : "")
        << ", output or gradient " << i;
}

// By the number of floats in a vector.
class WinogradLanes : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (vector_kernels(GetParam()) == nullptr) GTEST_SKIP() << "the processor has no such vectors";
  }
  const WinogradKernels& kernels() const { return vector_kernels(GetParam())->winograd; }
};

TEST_P(WinogradLanes, GiveTheSameWithoutGradientsAndNothingOfNoImages) {
  const at::Tensor x = leaf({2, 33, 8, 8}, at::kFloat, 0.1),
                   weight = leaf({20, 33, 3, 3}, at::kFloat, 0.2),
                   bias = leaf({20}, at::kFloat, 0.3);
  const at::Tensor wanted = winograd_conv3x3(x, weight, bias, false, kernels());
  const at::NoGradGuard guard;
  EXPECT_TRUE(at::equal(winograd_conv3x3(x, weight, bias, false, kernels()), wanted));
  const at::Tensor none = winograd_conv3x3(x.narrow(0, 0, 0), weight, bias, false, kernels());
  EXPECT_EQ(none.sizes(), at::IntArrayRef({0, 20, 8, 8}));
}

TEST_P(WinogradLanes, EqualDirectConvolutionInFloat64ForwardAndBackward) {
  expect_direct(5, 7, {8, 8}, kernels());
  expect_direct(32, 48, {16, 12}, kernels());
  expect_direct(17, 1, {12, 8}, kernels());
  expect_direct(80, 65, {4, 4}, kernels());    // more inputs than are transformed at a time
  expect_direct(16, 33, {40, 40}, kernels());  // more tiles than a product has
  expect_direct(8, 112, {84, 80}, kernels());  // more than 8 MiB of outputs
}

TEST_P(WinogradLanes, FillUpImagesThatTilesDoNotFit) {
  expect_direct(6, 4, {7, 9}, kernels());
  expect_direct(6, 4, {1, 2}, kernels());
  expect_direct(33, 20, {14, 14}, kernels());
}

TEST_P(WinogradLanes, ConvolveDoubledImages) {
  expect_direct(5, 7, {4, 4}, kernels(), true);
  expect_direct(6, 4, {1, 1}, kernels(), true);
  expect_direct(33, 20, {7, 5}, kernels(), true);
  expect_direct(80, 65, {2, 4}, kernels(), true);
  expect_direct(16, 33, {20, 20}, kernels(), true);
  expect_direct(8, 112, {42, 40}, kernels(), true);
}

INSTANTIATE_TEST_SUITE_P(Of, WinogradLanes, testing::Values(4, 8, 16));

class WinogradThreads : public testing::TestWithParam<bool> {};

TEST_P(WinogradThreads, DoNotChangeResults) {
  const int64_t size = GetParam() ? 12 : 24;  // 108 tiles
  const auto results = [size, doubled = GetParam()] {
    return run(40, 70, {size, size}, at::kFloat,
               [=](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
                 return winograd_conv3x3(x, weight, bias, doubled);
               });
  };
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = results();
  at::set_num_threads(5);
  const auto five = results();
  at::set_num_threads(threads);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], five[i])) << i;
}

INSTANTIATE_TEST_SUITE_P(OfDoubledImagesAndOthers, WinogradThreads, testing::Bool());

TEST(Winograd, ImagesDoNotDependOnTheirBatch) {
  const at::Tensor x = leaf({5, 32, 8, 8}, at::kFloat, 0.5).detach();
  const at::Tensor weight = leaf({32, 32, 3, 3}, at::kFloat, 0.6).detach(), bias = at::zeros({32});
  const at::Tensor all = winograd_conv3x3(x, weight, bias, false);
  EXPECT_TRUE(
      at::equal(winograd_conv3x3(x.slice(0, 3, 4), weight, bias, false), all.slice(0, 3, 4)));
}

// Against float64 of the same rounded numbers: only results are rounded, to 8 bits.
TEST(Winograd, GivesBfloat16UnderAutocastAndComputesInFloat32) {
  for (const bool doubled : {false, true}) {
    const at::Tensor x = leaf({2, 32, 8, 8}, at::kBFloat16, 0.5),
                     bias = leaf({32}, at::kFloat, 0.1),
                     weight = leaf({32, 32, 3, 3}, at::kFloat, 0.6);
    const AutocastScope autocast(at::kCPU, at::kBFloat16);
    const at::Tensor y = winograd_conv3x3(x, weight, bias, doubled);
    const at::Tensor exact = x.detach().to(at::kDouble).requires_grad_();
    const at::Tensor large = exact.repeat_interleave(2, 2).repeat_interleave(2, 3);
    const at::Tensor wanted =
        at::conv2d(doubled ? large : exact, weight.to(at::kDouble), bias.to(at::kDouble), 1, 1);
    const auto close = [doubled](const at::Tensor& found, const at::Tensor& to) {
      EXPECT_EQ(found.scalar_type(), at::kBFloat16) << doubled;
      EXPECT_LT((found - to).abs().max().item<double>(), 0.004 * to.abs().max().item<double>())
          << doubled;
    };
    close(y, wanted);
    y.sum().backward();
    wanted.sum().backward();
    close(x.grad(), exact.grad());
  }
}

}  // namespace
}  // namespace diffuse::ops::cpu
