// The kernel of dropout, run on the CPU, against the CPU's own.
#include "src/model/ops/dropout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "src/core/cuda/random.h"
#include "src/model/dropout_scope.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::ops {
namespace {

struct Passed {
  at::Tensor y, gradient;
};

Passed passed(const at::Tensor& x, const at::Tensor& dy) {
  const at::Tensor h = x.clone().requires_grad_(), y = dropout(h, {0.3, 2});
  y.backward(dy);
  return {y.detach(), h.grad()};
}

TEST(KernelDropout, IsThatOfTheCpuForwardAndBackward) {
  const auto keys = std::make_shared<const std::vector<StreamKey>>(consecutive_keys(1, 50, 3));
  const DropoutScope scope(keys);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf})
    for (const int64_t channels : {1, 3, 8}) {
      const at::Tensor x = at::randn({3, channels, 7, 5}).to(type), dy = at::randn_like(x);
      const Passed wanted = passed(x, dy);
      shim::ShimLauncher launcher;
      const Passed mine = passed(x, dy);
      EXPECT_EQ(launcher.launches, 2);
      // The CPU rounds 1 / (1 - p) to the type first.
      const double tolerance = type == at::kFloat ? 0 : 0.01;
      EXPECT_TRUE(at::equal(mine.y == 0, wanted.y == 0));
      EXPECT_TRUE(at::allclose(mine.y, wanted.y, tolerance, 0));
      EXPECT_TRUE(at::allclose(mine.gradient, wanted.gradient, tolerance, 0));
    }
}

TEST(KernelDropout, ReadsKeysOfTheDevice) {
  const shim::ShimLauncher launcher;
  const std::vector<StreamKey> keys = consecutive_keys(1, 50, 2);
  const at::Tensor h = at::ones({2, 8, 4, 4});
  const auto by = [&](const DropoutScope::Keys& host, const at::Tensor& rows) {
    const DropoutScope scope(host, rows);
    return dropout(h, {0.5, 1});
  };
  const auto host = std::make_shared<const std::vector<StreamKey>>(keys);
  EXPECT_TRUE(at::equal(by(host, {}), by(nullptr, diffuse::cuda::key_rows(keys))));
  EXPECT_THROW(by(nullptr, diffuse::cuda::key_rows(consecutive_keys(1, 50, 3))), c10::Error);
}

}  // namespace
}  // namespace diffuse::ops
