#include "src/model/recompute.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "diffuse/model/network.h"
#include "src/core/device.h"
#include "src/model/dropout_scope.h"
#include "tests/model/small_unet.h"

namespace diffuse {
namespace {

// The output, then the gradients of all parameters, of one pass with dropout from the streams of `keys`.
std::vector<at::Tensor> pass(bool checkpointed, c10::ScalarType type, DropoutScope::Keys keys) {
  ModelConfig config = small_config();
  config.dropout = 0.5;
  const auto network = make_network(config, false, {}, 0);
  at::manual_seed(2);
  for (at::Tensor& parameter : network->parameters())  // no layer begins near zero
    parameter.variable_data().uniform_(-0.1, 0.1);
  if (checkpointed) network->checkpoint_gradients();
  network->train();
  at::manual_seed(1);
  const at::Tensor x = at::randn({2, 3, 16, 16}), t = at::tensor({7, 801}, at::kLong);
  std::vector<at::Tensor> found;
  {
    const AutocastScope autocast(c10::kCPU, type);
    const DropoutScope scope(keys);
    found.push_back(network->forward(x, t, {}).to(at::kFloat));
  }
  found[0].square().sum().backward();
  for (const at::Tensor& parameter : network->parameters()) found.push_back(parameter.grad());
  found.push_back(at::rand({4}));  // where the generator stands
  return found;
}

// But for the order in which gradients are added up.
void expect_equal(c10::ScalarType type, double tolerance, DropoutScope::Keys keys = nullptr) {
  const auto plain = pass(false, type, keys), checkpointed = pass(true, type, keys);
  ASSERT_EQ(plain.size(), checkpointed.size());
  const double largest = at::stack(at::_foreach_norm(plain)).max().item<double>();
  for (size_t i = 0; i < plain.size(); ++i)
    EXPECT_LE((plain[i] - checkpointed[i]).norm().item<double>(),
              tolerance * std::max(plain[i].norm().item<double>(), 1e-6 * largest))
        << "tensor " << i;
}

TEST(Recomputed, GradientsWithDropoutAreThePlainOnes) { expect_equal(c10::kFloat, 1e-5); }

TEST(Recomputed, GradientsWithDropoutByStreamsAreThePlainOnes) {
  expect_equal(c10::kFloat, 1e-5, std::make_shared<const std::vector<StreamKey>>(2));
}

TEST(Recomputed, GradientsUnderAutocastAreThePlainOnes) { expect_equal(c10::kBFloat16, 0.02); }

TEST(Recomputed, KeepsOnlyInputs) {
  const at::Tensor x = at::ones({3}).requires_grad_();
  int calls = 0;
  bool with_gradients = true;
  const Block block = [&](const at::Tensor& h, const at::Tensor& time, const at::Tensor& skip) {
    ++calls;
    if (calls == 1) with_gradients = at::GradMode::is_enabled();
    EXPECT_FALSE(skip.defined());
    return h * time;
  };
  const at::Tensor y = recomputed(block, x, at::full({3}, 5.0), {});
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(with_gradients);
  y.sum().backward();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(at::equal(x.grad(), at::full({3}, 5.0)));
}

// Behind frozen layers the function's inputs need no gradients.
TEST(Recomputed, LeavesGradientsToABlockOfPlainInputs) {
  const at::Tensor weight = at::full({3}, 2.0).requires_grad_();
  const at::Tensor y = recomputed([&](const at::Tensor& h, const at::Tensor& time,
                                      const at::Tensor&) { return h * time * weight; },
                                  at::full({3}, 3.0), at::full({3}, 5.0), {});
  y.sum().backward();
  ASSERT_TRUE(weight.grad().defined());
  EXPECT_TRUE(at::equal(weight.grad(), at::full({3}, 15.0)));
}

TEST(Recomputed, RunsOnceWithoutGradients) {
  int calls = 0;
  const at::NoGradGuard no_grad;
  recomputed(
      [&](const at::Tensor& h, const at::Tensor&, const at::Tensor&) {
        ++calls;
        return h;
      },
      at::ones({3}).requires_grad_(), at::ones({3}), {});
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace diffuse
