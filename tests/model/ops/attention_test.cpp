#include "src/model/ops/attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "src/core/device.h"
#include "src/model/ops/cpu/attention.h"
#include "src/model/ops/cpu/processor.h"

namespace diffuse::ops {
namespace {

at::Tensor values(at::IntArrayRef shape, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.83 * index + phase).sin().mul(2).view(shape);
}

at::Tensor floats(at::IntArrayRef shape, double phase) {
  return values(shape, phase).to(at::kFloat);
}

// Written out for each head, in float64.
at::Tensor exact_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           int64_t heads) {
  const int64_t width = q.size(2) / heads;
  std::vector<at::Tensor> found;
  for (int64_t head = 0; head < heads; ++head) {
    const auto part = [&](const at::Tensor& x) {
      return x.to(at::kDouble).narrow(2, head * width, width);
    };
    const at::Tensor scores = part(q).matmul(part(k).transpose(1, 2)) / std::sqrt(width);
    found.push_back(scores.softmax(2).matmul(part(v)));
  }
  return at::cat(found, 2);
}

double largest_error(const at::Tensor& found, const at::Tensor& exact) {
  return (found - exact).abs().max().item<double>();
}

TEST(Attention, EqualsSoftmaxOfProductsInEachHead) {
  const at::Tensor q = floats({2, 9, 6}, 0), k = floats({2, 9, 6}, 1), v = floats({2, 9, 6}, 2);
  for (const int64_t heads : {1, 3})
    EXPECT_LT(largest_error(attention(q, k, v, heads), exact_attention(q, k, v, heads)), 1e-5)
        << heads << " heads";
}

// By the number of floats in a vector.
class OwnAttention : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (cpu::vector_kernels(GetParam()) == nullptr)
      GTEST_SKIP() << "this processor has no vectors of " << GetParam() << " floats";
  }
  static at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        int64_t heads) {
    return cpu::attention(q, k, v, heads, *cpu::vector_kernels(GetParam()));
  }
};

TEST_P(OwnAttention, EqualsFloat64) {
  const auto expect_exact = [](at::IntArrayRef shape, int64_t heads, double size) {
    const at::Tensor q = size * floats(shape, 0), k = floats(shape, 1), v = floats(shape, 2);
    EXPECT_LT(largest_error(run(q, k, v, heads), exact_attention(q, k, v, heads)), 1e-5 * size)
        << shape << ", " << heads << " heads";
  };
  expect_exact({2, 9, 6}, 1, 1);
  expect_exact({2, 9, 6}, 3, 1);
  expect_exact({1, 1, 8}, 2, 1);
  expect_exact({3, 49, 64}, 1, 1);
  expect_exact({1, 300, 40}, 2, 1);  // more queries than are taken at a time
  expect_exact({1, 17, 32}, 1, 40);  // weights that underflow
}

TEST_P(OwnAttention, DoesNotDependOnTheBatchOrTheNumberOfThreads) {
  const at::Tensor q = floats({2, 70, 32}, 0), k = floats({2, 70, 32}, 1),
                   v = floats({2, 70, 32}, 2);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = run(q, k, v, 2);
  at::set_num_threads(3);
  const at::Tensor three = run(q, k, v, 2);
  const at::Tensor alone = run(q.narrow(0, 1, 1), k.narrow(0, 1, 1), v.narrow(0, 1, 1), 2);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, three));
  EXPECT_TRUE(at::equal(one[1], alone[0]));
}

TEST_P(OwnAttention, OfNanIsNan) {
  const at::Tensor q = floats({1, 20, 32}, 0), k = floats({1, 20, 32}, 1),
                   v = floats({1, 20, 32}, 2);
  for (const float nan : {std::nanf(""), -std::nanf("")}) {
    const at::Tensor broken = k.clone();
    broken[0][3][5] = nan;
    EXPECT_TRUE(run(q, broken, v, 1).isnan().all().item<bool>());
  }
}

INSTANTIATE_TEST_SUITE_P(OfLanes, OwnAttention, testing::Values(4, 8, 16));

TEST(Attention, OfBfloat16IsRoundedOnlyAtTheEnd) {
  if (cpu::multiplies_bf16_matrices()) GTEST_SKIP() << "with AMX, products are rounded too";
  const auto rounded = [](double phase) {
    return values({2, 9, 6}, phase).to(at::kBFloat16).requires_grad_();
  };
  const at::Tensor q = rounded(0), k = rounded(1), v = rounded(2);
  const auto exact = [](const at::Tensor& x) { return x.detach().to(at::kDouble); };
  const at::Tensor wanted =
      (exact(q).matmul(exact(k).transpose(1, 2)) / std::sqrt(6.0)).softmax(2).matmul(exact(v));
  const AutocastScope autocast(at::kCPU, at::kBFloat16);
  const at::Tensor found = attention(q, k, v, 1);
  EXPECT_EQ(found.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(found, wanted.to(at::kBFloat16)));
  found.sum().backward();
  EXPECT_EQ(q.grad().scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace diffuse::ops
