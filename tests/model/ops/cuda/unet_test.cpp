// A whole network by the kernels, run on the CPU, against the same by the CPU's own.
#include "src/model/unet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "src/model/direct_gradients.h"
#include "src/model/dropout_scope.h"
#include "tests/core/cuda/shim_launcher.h"
#include "tests/model/small_unet.h"

namespace diffuse {
namespace {

// The output and all gradients of a forward and backward pass; `direct`: the parameters' added to 1 by the operations.
std::vector<at::Tensor> pass(const ModelConfig& config, bool direct = false) {
  Initializer init(3);
  UNet network(config, false, init);
  at::manual_seed(4);
  for (at::Tensor parameter : network.parameters())
    parameter.set_data(parameter + 0.05 * at::randn_like(parameter));
  const at::Tensor x = at::randn({2, 3, 16, 16}).requires_grad_();
  std::optional<DirectGradients> gradients;
  if (direct) {
    int64_t count = 0;
    for (const at::Tensor& parameter : network.parameters()) count += parameter.numel();
    const at::Tensor all = at::ones({count});
    for (const at::Tensor& parameter : network.parameters())
      parameter.mutable_grad() =
          all.as_strided(parameter.sizes(), parameter.strides(), count -= parameter.numel());
    gradients.emplace(all);
  }
  const DropoutScope scope(
      std::make_shared<const std::vector<StreamKey>>(consecutive_keys(0, 9, 2)));
  const at::Tensor y = network.forward(x, at::tensor({10, 500}), {});
  y.backward(at::randn_like(y));
  if (direct) gradients->finish();
  std::vector<at::Tensor> found{y.detach(), x.grad()};
  for (const at::Tensor& parameter : network.parameters())
    found.push_back(direct ? parameter.grad() - 1 : parameter.grad());
  return found;
}

void expect_equal_passes(const ModelConfig& config) {
  const auto wanted = pass(config);
  shim::ShimLauncher launcher;
  const auto mine = pass(config);
  EXPECT_GT(launcher.launches, 100);
  const int64_t launches = std::exchange(launcher.launches, 0);
  const auto direct = pass(config, true);
  EXPECT_LT(launcher.launches, launches - 30) << "sums of columns are one launch";
  ASSERT_EQ(mine.size(), wanted.size());
  for (const auto& found : {mine, direct})
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_LT((found[i] - wanted[i]).abs().max().item<double>(),
                1e-5 * (1 + wanted[i].abs().max().item<double>()))
          << "output or gradient " << i;
}

TEST(KernelUNet, EqualsTheCpus) {
  ModelConfig config = small_config();
  config.dropout = 0.2;
  expect_equal_passes(config);
}

TEST(KernelUNet, EqualsTheCpusWithScaleAndShift) {
  ModelConfig config = small_config();
  config.scale_shift_norm = true;
  config.channels = 20;  // multiples of 4, not of 8
  config.norm_groups = 5;
  expect_equal_passes(config);
}

}  // namespace
}  // namespace diffuse
