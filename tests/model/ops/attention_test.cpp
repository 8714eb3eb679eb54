#include "src/model/ops/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/core/device.h"
#include "src/model/ops/cpu/processor.h"

namespace diffuse::ops {
namespace {

at::Tensor values(at::IntArrayRef shape, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.83 * index + phase).sin().mul(2).view(shape);
}

// Written out for each head, in float64.
TEST(Attention, EqualsSoftmaxOfProductsInEachHead) {
  const at::Tensor q = values({2, 9, 6}, 0), k = values({2, 9, 6}, 1), v = values({2, 9, 6}, 2);
  for (const int64_t heads : {1, 3}) {
    const at::Tensor found = attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), heads);
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t width = 6 / heads;
      const auto part = [&](const at::Tensor& x) { return x.narrow(2, head * width, width); };
      const at::Tensor scores = part(q).matmul(part(k).transpose(1, 2)) / std::sqrt(width);
      const at::Tensor wanted = scores.softmax(2).matmul(part(v));
      EXPECT_LT((part(found) - wanted).abs().max().item<double>(), 1e-5) << heads << " heads";
    }
  }
}

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
