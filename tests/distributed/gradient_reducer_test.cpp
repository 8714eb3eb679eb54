#include "src/distributed/gradient_reducer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/distributed/worlds.h"

namespace diffuse {

using testing_distributed::run_worlds;

// Gradients of sum over all rows of (x w1) w2, of which each process has its share: all 12 rows in
// two passes a process, so that gradients of earlier passes count too.
static std::vector<at::Tensor> gradients(World& world, bool bf16) {
  const at::Tensor x = at::arange(36, at::kFloat).view({12, 3}) / 7;
  at::Tensor w1 = at::arange(6, at::kFloat).view({3, 2}).div(5).requires_grad_();
  at::Tensor w2 = at::arange(2, at::kFloat).view({2, 1}).add(1).requires_grad_();
  GradientReducer reducer(world, {w1, w2}, bf16);
  for (int update = 0; update < 3; ++update) {  // the buckets are rebuilt after the first
    w1.mutable_grad().reset();
    w2.mutable_grad().reset();
    const Share own = world.share(12);
    const int64_t half = own.begin + own.size() / 2;
    const auto loss = [&](int64_t begin, int64_t end) {
      return x.slice(0, begin, end).matmul(w1).matmul(w2).sum();
    };
    loss(own.begin, half).backward();
    reducer.run([&] { loss(half, own.end).backward(); });
  }
  return {w1.grad().clone(), w2.grad().clone()};
}

static void expect_close(bool bf16, double tolerance) {
  World alone;
  const auto expected = gradients(alone, bf16);
  const auto thrown = run_worlds(3, [&](World& world) {
    const auto found = gradients(world, bf16);
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_TRUE(at::allclose(found[i], expected[i], tolerance, 0)) << found[i] << expected[i];
  });
  for (const std::string& what : thrown) EXPECT_EQ(what, "");
}

TEST(GradientReducer, SumsOverProcessesAndPasses) { expect_close(false, 1e-6); }

TEST(GradientReducer, CompressesToBfloat16) { expect_close(true, 0.02); }

}  // namespace diffuse
