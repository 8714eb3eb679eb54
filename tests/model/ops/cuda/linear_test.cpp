// The linear map with the kernels' bias gradient, run on the CPU, against LibTorch's.
#include "src/model/ops/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "src/model/ops/cuda/linear.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::ops {
namespace {

std::vector<at::Tensor> leaves(at::IntArrayRef rows) {
  at::manual_seed(5);
  std::vector<int64_t> shape(rows.begin(), rows.end());
  shape.push_back(12);
  return {at::randn(shape).requires_grad_(), at::randn({20, 12}).requires_grad_(),
          at::randn({20}).requires_grad_()};
}

TEST(KernelLinear, EqualsLibTorchForwardAndBackward) {
  for (const std::vector<int64_t>& rows : {std::vector<int64_t>{7}, {3, 700}, {1}, {2, 3, 4}})
    for (const bool frozen : {false, true}) {
      const auto in = leaves(rows), other = leaves(rows);
      if (frozen) in[1].requires_grad_(false);
      shim::ShimLauncher launcher(2);
      const at::Tensor y = linear(in[0], in[1], in[2]);
      const at::Tensor wanted = at::linear(other[0], other[1], other[2]);
      const at::Tensor dy = at::randn_like(y);
      y.backward(dy);
      wanted.backward(dy);
      EXPECT_GT(launcher.launches, 0);
      EXPECT_TRUE(at::allclose(y, wanted, 1e-5, 1e-5));
      EXPECT_EQ(in[1].grad().defined(), !frozen);
      for (size_t i = 0; i < 3; ++i)
        if (in[i].grad().defined()) {
          EXPECT_TRUE(at::allclose(in[i].grad(), other[i].grad(), 1e-4, 1e-5)) << i;
        }
    }
}

TEST(KernelLinear, TakesWhatItsProductsTake) {
  const at::Tensor x = at::zeros({2, 12}), weight = at::zeros({20, 12});
  EXPECT_FALSE(cuda::takes_linear(x, weight)) << "no kernels on the CPU";
  const shim::ShimLauncher launcher;
  EXPECT_TRUE(cuda::takes_linear(x, weight));
  EXPECT_FALSE(cuda::takes_linear(x, weight.to(at::kBFloat16)));
}

}  // namespace
}  // namespace diffuse::ops
