#include "diffuse/model/group_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

// LibTorch's own group_norm is the reference, for the value and all three gradients.
TEST(ChannelsLastGroupNorm, EqualsLibTorchForwardAndBackward) {
  const auto leaf = [](at::IntArrayRef shape, double phase) {
    const at::Tensor values = at::empty(shape, at::kDouble);
    const at::Tensor index = at::arange(values.numel(), at::kDouble);
    return (0.83 * index + phase).sin().add(3).view(shape).requires_grad_();
  };
  for (const auto format : {at::MemoryFormat::ChannelsLast, at::MemoryFormat::Contiguous}) {
    const at::Tensor x = leaf({2, 6, 4, 5}, 0), weight = leaf({6}, 1), bias = leaf({6}, 2);
    const at::Tensor ours = channels_last_group_norm(x.contiguous(format), 3, weight, bias, 1e-3);
    const at::Tensor theirs = at::group_norm(x, 3, weight, bias, 1e-3);
    EXPECT_TRUE(at::allclose(ours, theirs, 0, 1e-12));
    EXPECT_TRUE(ours.is_contiguous(format));

    const at::Tensor seed = leaf({2, 6, 4, 5}, 4).detach().square();
    const auto gradients = [&](const at::Tensor& out) {
      out.backward(seed);
      std::vector<at::Tensor> found;
      for (const at::Tensor& input : {x, weight, bias}) {
        found.push_back(input.grad());
        input.mutable_grad() = at::Tensor();
      }
      return found;
    };
    const std::vector<at::Tensor> mine = gradients(ours), reference = gradients(theirs);
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(at::allclose(mine[i], reference[i], 0, 1e-11)) << "input " << i;
    }
  }
}

}  // namespace
}  // namespace diffuse
