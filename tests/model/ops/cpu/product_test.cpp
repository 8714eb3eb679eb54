#include "src/model/ops/cpu/product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <vector>

#include "src/model/ops/cpu/linear.h"
#include "src/model/ops/cpu/onednn.h"

namespace diffuse::ops::cpu {
namespace {

// Values in [-1, 1] without a pattern.
at::Tensor values(at::IntArrayRef shape, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (12.9898 * index + phase).sin().mul(43758.5453).frac().view(shape);
}

at::Tensor leaf(at::IntArrayRef shape, double phase) {
  return values(shape, phase).to(at::kFloat).requires_grad_();
}

class Products : public testing::TestWithParam<ProductEngine> {
 protected:
  void SetUp() override {
    if (GetParam() == ProductEngine::kOneDnn && onednn::version().empty())
      GTEST_SKIP() << "no oneDNN here";
  }

  // a b, and a b added to something, against float64.
  static void expect_product(const at::Tensor& a, const at::Tensor& b) {
    std::vector<int64_t> shape = a.sizes().vec();
    shape.back() = b.size(-1);
    const at::Tensor exact = a.to(at::kDouble).matmul(b.to(at::kDouble));
    for (const bool accumulate : {false, true}) {
      const at::Tensor before = values(shape, 3), sum = before.to(at::kFloat);
      multiply(sum, a, b, accumulate, GetParam());
      const at::Tensor wanted = accumulate ? exact + before : exact;
      EXPECT_LT((sum - wanted).abs().max().item<double>(),
                3e-7 * static_cast<double>(a.size(-1) + 8))
          << a.sizes() << a.strides() << " x " << b.sizes() << b.strides() << " " << accumulate;
    }
  }
};

constexpr int64_t kSizes[] = {1, 3, 7, 129};

TEST_P(Products, EqualFloat64OnOddSizes) {
  for (const int64_t rows : kSizes)
    for (const int64_t inner : kSizes)
      for (const int64_t columns : kSizes) {
        expect_product(values({rows, inner}, 1).to(at::kFloat),
                       values({inner, columns}, 2).to(at::kFloat));
        expect_product(values({3, rows, inner}, 1).to(at::kFloat),
                       values({3, inner, columns}, 2).to(at::kFloat));
      }
}

// Transposed, part of wider rows, every other column, a batch that lies inside the rows.
TEST_P(Products, TakeOperandsOfAnyStrides) {
  for (const int64_t n : {1, 3})
    for (const int64_t size : {1, 7, 129}) {
      const at::Tensor straight = values({n, 9, size}, 1).to(at::kFloat);
      const at::Tensor turned = values({n, size, 9}, 2).to(at::kFloat).transpose(1, 2);
      const at::Tensor part = values({n, 9, 2 * size + 1}, 3).to(at::kFloat).narrow(2, 1, size);
      const at::Tensor spread = values({n, 9, 2 * size}, 4).to(at::kFloat).slice(2, 0, {}, 2);
      const at::Tensor inside = values({9, n, size}, 5).to(at::kFloat).transpose(0, 1);
      for (const at::Tensor& a : {straight, turned, part, spread, inside})
        for (const at::Tensor& b : {straight, turned, part, spread, inside})
          expect_product(a, b.transpose(1, 2));
    }
}

TEST_P(Products, WriteIntoPartOfWiderRows) {
  const at::Tensor whole = at::full({3, 7, 20}, 5.0f), sum = whole.narrow(2, 4, 9);
  const at::Tensor a = values({3, 7, 6}, 1).to(at::kFloat), b = values({3, 6, 9}, 2).to(at::kFloat);
  multiply(sum, a, b, false, GetParam());
  EXPECT_LT((sum - a.to(at::kDouble).matmul(b.to(at::kDouble))).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE((whole.narrow(2, 0, 4) == 5).all().item<bool>());
  EXPECT_TRUE((whole.narrow(2, 13, 7) == 5).all().item<bool>());
}

// As Winograd's convolution does, from each of LibTorch's threads.
TEST_P(Products, GiveTheSameOnEachThread) {
  const int threads = at::get_num_threads();
  at::set_num_threads(4);
  const at::Tensor a = values({8, 33, 48}, 1).to(at::kFloat),
                   b = values({48, 65}, 2).to(at::kFloat), sums = at::empty({8, 33, 65});
  at::parallel_for(0, 8, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) multiply(sums[i], a[i], b, false, GetParam());
  });
  at::set_num_threads(threads);
  const at::Tensor exact = a.to(at::kDouble).matmul(b.to(at::kDouble));
  EXPECT_LT((sums - exact).abs().max().item<double>(), 2e-5);
}

TEST_P(Products, GiveTheSameBytesEachTime) {
  const at::Tensor a = values({3, 129, 70}, 1).to(at::kFloat),
                   b = values({3, 70, 33}, 2).to(at::kFloat);
  const at::Tensor first = at::empty({3, 129, 33}), second = at::empty({3, 129, 33});
  multiply(first, a, b, false, GetParam());
  multiply(second, a, b, false, GetParam());
  EXPECT_TRUE(at::equal(first, second));
}

TEST_P(Products, LinearEqualsFloat64ForwardAndBackward) {
  const at::Tensor x = leaf({2, 5, 7}, 1), weight = leaf({9, 7}, 2), bias = leaf({9}, 3);
  const at::Tensor up = values({2, 5, 9}, 4);
  const at::Tensor y = linear(x, weight, bias, GetParam());
  y.backward(up.to(at::kFloat));
  const auto exact = [](const at::Tensor& t) {
    return t.detach().to(at::kDouble).requires_grad_();
  };
  const at::Tensor x64 = exact(x), weight64 = exact(weight), bias64 = exact(bias);
  const at::Tensor wanted = at::linear(x64, weight64, bias64);
  wanted.backward(up);
  EXPECT_LT((y - wanted).abs().max().item<double>(), 3e-6);
  EXPECT_LT((x.grad() - x64.grad()).abs().max().item<double>(), 3e-6);
  EXPECT_LT((weight.grad() - weight64.grad()).abs().max().item<double>(), 3e-6);
  EXPECT_LT((bias.grad() - bias64.grad()).abs().max().item<double>(), 3e-6);
}

TEST_P(Products, LinearLeavesOutTheGradientsOfFrozenParameters) {
  const at::Tensor x = leaf({5, 7}, 1), weight = leaf({9, 7}, 2), bias = leaf({9}, 3);
  linear(x, weight, bias, GetParam()).sum().backward();
  const at::Tensor x2 = leaf({5, 7}, 1), bias2 = leaf({9}, 3);
  linear(x2, weight.detach(), bias2, GetParam()).sum().backward();
  EXPECT_TRUE(at::equal(x2.grad(), x.grad()));
  EXPECT_TRUE(at::equal(bias2.grad(), bias.grad()));
  const at::Tensor weight3 = leaf({9, 7}, 2);
  linear(x.detach(), weight3, bias.detach(), GetParam()).sum().backward();
  EXPECT_TRUE(at::equal(weight3.grad(), weight.grad()));
}

INSTANTIATE_TEST_SUITE_P(Of, Products,
                         testing::Values(ProductEngine::kLibTorch, ProductEngine::kOneDnn),
                         [](const auto& info) {
                           return info.param == ProductEngine::kOneDnn ? "OneDnn" : "LibTorch";
                         });

}  // namespace
}  // namespace diffuse::ops::cpu
