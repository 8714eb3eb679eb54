#include "src/model/ops/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

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

}  // namespace
}  // namespace diffuse::ops
