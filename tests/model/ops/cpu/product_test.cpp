#include "src/model/ops/cpu/product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "src/model/ops/cpu/linear.h"
#include "src/model/ops/cpu/vector_kernels.h"

namespace diffuse::ops::cpu {
namespace {

// Values in [-1, 1] without a pattern.
at::Tensor values(at::IntArrayRef shape, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (12.9898 * index + phase).sin().mul(43758.5453).frac().view(shape);
}

at::Tensor floats(at::IntArrayRef shape, double phase) {
  return values(shape, phase).to(at::kFloat);
}

at::Tensor leaf(at::IntArrayRef shape, double phase) {
  return floats(shape, phase).requires_grad_();
}

// By the number of floats in a vector; 0: LibTorch's.
class Products : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (GetParam() > 0 && vector_kernels(GetParam()) == nullptr)
      GTEST_SKIP() << "this processor has no vectors of " << GetParam() << " floats";
  }

  static void multiply_into(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
                            bool accumulate, const at::Tensor& bias = {}) {
    if (GetParam() == 0)
      multiply(c, a, b, accumulate, bias, ProductEngine::kLibTorch);
    else
      multiply_by(*vector_kernels(GetParam())->product, c, a, b, accumulate, bias);
  }

  // a b, alone, added to something and with a bias, against float64.
  static void expect_product(const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor before = floats({a.size(0), b.size(1)}, 3), bias = floats({b.size(1)}, 4);
    const at::Tensor exact = a.to(at::kDouble).mm(b.to(at::kDouble));
    const auto expect_near = [&](const at::Tensor& found, const at::Tensor& wanted) {
      EXPECT_LT((found - wanted).abs().max().item<double>(),
                3e-7 * static_cast<double>(a.size(1) + 8))
          << a.sizes() << a.strides() << " x " << b.sizes() << b.strides();
    };
    const at::Tensor alone = at::full_like(before, 5), added = before.clone(),
                     biased = at::full_like(before, 5);
    multiply_into(alone, a, b, false);
    multiply_into(added, a, b, true);
    multiply_into(biased, a, b, false, bias);
    expect_near(alone, exact);
    expect_near(added, exact + before);
    expect_near(biased, exact + bias);
  }
};

constexpr int64_t kSizes[] = {1, 3, 16, 33, 129};

TEST_P(Products, EqualFloat64OnOddSizes) {
  for (const int64_t rows : kSizes)
    for (const int64_t inner : kSizes)
      for (const int64_t columns : kSizes)
        expect_product(floats({rows, inner}, 1), floats({inner, columns}, 2));
}

// More rows than a thread takes at a time; sums so long that they are divided.
TEST_P(Products, EqualFloat64OnLongSides) {
  expect_product(floats({1100, 40}, 1), floats({40, 50}, 2));
  expect_product(floats({20, 5000}, 1), floats({5000, 40}, 2));
  expect_product(floats({20, 40}, 1), floats({40, 1100}, 2));
  expect_product(floats({530, 288}, 1), floats({288, 40}, 2));   // more than are added at a time
  expect_product(floats({20, 1024}, 1), floats({1024, 40}, 2));  // rows at a distance of pages
}

// Transposed, part of wider rows, every other column, one row as many.
TEST_P(Products, TakeOperandsOfAnyStrides) {
  for (const int64_t size : {1, 7, 32, 129}) {
    const at::Tensor straight = floats({19, size}, 1), turned = floats({size, 19}, 2).t();
    const at::Tensor part = floats({19, 2 * size + 1}, 3).narrow(1, 1, size);
    const at::Tensor spread = floats({19, 2 * size}, 4).slice(1, 0, {}, 2);
    const at::Tensor repeated = floats({1, size}, 5).expand({19, size});
    for (const at::Tensor& a : {straight, turned, part, spread, repeated})
      for (const at::Tensor& b : {straight, turned, part, spread, repeated})
        expect_product(a, b.t());
  }
}

TEST_P(Products, WriteIntoPartOfWiderRows) {
  const at::Tensor whole = at::full({7, 60}, 5.0F), c = whole.narrow(1, 4, 41);
  const at::Tensor a = floats({7, 6}, 1), b = floats({6, 41}, 2);
  multiply_into(c, a, b, false);
  EXPECT_LT((c - a.to(at::kDouble).mm(b.to(at::kDouble))).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE((whole.narrow(1, 0, 4) == 5).all().item<bool>());
  EXPECT_TRUE((whole.narrow(1, 45, 15) == 5).all().item<bool>());
}

TEST_P(Products, OfOtherSizesAreRefused) {
  const at::Tensor c = at::empty({3, 5}), a = at::empty({3, 4}), b = at::empty({4, 5});
  EXPECT_THROW(multiply_into(c, a, at::empty({5, 5}), false), c10::Error);
  EXPECT_THROW(multiply_into(c, at::empty({2, 4}), b, false), c10::Error);
  EXPECT_THROW(multiply_into(c, a, b, false, at::empty({4})), c10::Error);
}

TEST_P(Products, OfNothingAreTheirStart) {
  const at::Tensor a = at::empty({3, 0}), b = at::empty({0, 5}), bias = floats({5}, 1);
  const at::Tensor alone = at::full({3, 5}, 5.0F), biased = alone.clone(), added = alone.clone();
  multiply_into(alone, a, b, false);
  multiply_into(biased, a, b, false, bias);
  multiply_into(added, a, b, true);
  EXPECT_TRUE((alone == 0).all().item<bool>());
  EXPECT_TRUE((biased == bias).all().item<bool>());
  EXPECT_TRUE((added == 5).all().item<bool>());
  multiply_into(at::empty({0, 5}), at::empty({0, 3}), at::empty({3, 5}), false);
  multiply_into(at::empty({3, 0}), at::empty({3, 4}), at::empty({4, 0}), false);
}

class OwnProducts : public Products {};

TEST_P(OwnProducts, DoNotDependOnTheNumberOfThreads) {
  const int threads = at::get_num_threads();
  for (const auto& [rows, inner, columns] :
       {std::tuple{1100, 70, 33}, {40, 5000, 40}, {4, 512, 256}, {64, 256, 256}}) {
    const at::Tensor a = floats({rows, inner}, 1), b = floats({inner, columns}, 2);
    std::vector<at::Tensor> found;
    for (const int count : {1, 2, 3, 7}) {
      at::set_num_threads(count);
      found.push_back(floats({rows, columns}, 3));
      multiply_into(found.back(), a, b, true);
    }
    at::set_num_threads(threads);
    for (const at::Tensor& c : found) EXPECT_TRUE(at::equal(c, found[0])) << a.sizes();
  }
}

std::string name_of(const testing::TestParamInfo<int>& info) {
  return info.param == 0 ? "LibTorch" : "Lanes" + std::to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Of, Products, testing::Values(0, 4, 8, 16), name_of);
INSTANTIATE_TEST_SUITE_P(Of, OwnProducts, testing::Values(4, 8, 16), name_of);

class Linear : public testing::TestWithParam<ProductEngine> {};

TEST_P(Linear, EqualsFloat64ForwardAndBackward) {
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

TEST_P(Linear, IsTheSameWithoutGradients) {
  const at::Tensor x = floats({2, 5, 7}, 1), weight = leaf({9, 7}, 2), bias = leaf({9}, 3);
  const at::Tensor wanted = linear(x, weight, bias, GetParam());
  const at::NoGradGuard guard;
  EXPECT_TRUE(at::equal(linear(x, weight, bias, GetParam()), wanted));
}

TEST_P(Linear, LeavesOutTheGradientsOfFrozenParameters) {
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

INSTANTIATE_TEST_SUITE_P(Of, Linear, testing::Values(ProductEngine::kLibTorch, ProductEngine::kOwn),
                         [](const auto& info) {
                           return info.param == ProductEngine::kOwn ? "Own" : "LibTorch";
                         });

}  // namespace
}  // namespace diffuse::ops::cpu
