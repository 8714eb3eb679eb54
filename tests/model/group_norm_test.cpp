#include "diffuse/model/group_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

namespace diffuse {
namespace {

struct Inputs {
  at::Tensor x, weight, bias, shift, skip;
};

at::Tensor leaf(at::IntArrayRef shape, at::ScalarType type, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.83 * index + phase).sin().mul(2).add(0.5).view(shape).to(type).requires_grad_();
}

// LibTorch's group_norm and silu, in float64.
at::Tensor reference(const Inputs& in, Activation activation) {
  const auto pixelwise = [](const at::Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); };
  const at::Tensor joined = in.skip.defined() ? at::cat({in.x, in.skip}, 1) : in.x;
  const at::Tensor x = in.shift.defined() ? joined + pixelwise(in.shift) : joined;
  at::Tensor y = at::group_norm(x, 3, {}, {}, 1e-3);
  y = y * pixelwise(in.weight) + pixelwise(in.bias);
  return activation == Activation::kSilu ? at::silu(y) : y;
}

std::vector<at::Tensor> gradients(const Inputs& in, const at::Tensor& out) {
  out.backward(leaf(out.sizes(), at::kDouble, 4).detach().square().to(out.scalar_type()));
  std::vector<at::Tensor> found{out.detach()};
  for (const at::Tensor& input : {in.x, in.weight, in.bias, in.shift, in.skip})
    if (input.defined()) found.push_back(input.grad());
  return found;
}

// Value and all gradients, for one affine pair a channel or one an image, with and without shift, of
// one tensor or of two, of which a group has channels of both.
void expect_equal(at::ScalarType type, Activation activation, bool per_image, bool shifted,
                  int64_t skipped, double tolerance) {
  const auto make = [&](at::ScalarType kind) {
    const std::vector<int64_t> table =
        per_image ? std::vector<int64_t>{2, 6} : std::vector<int64_t>{6};
    return Inputs{leaf({2, 6 - skipped, 9, 11}, kind, 0), leaf(table, kind, 1),
                  leaf(table, kind, 2), shifted ? leaf({2, 6}, kind, 3) : at::Tensor(),
                  skipped > 0 ? leaf({2, skipped, 9, 11}, kind, 5) : at::Tensor()};
  };
  const Inputs ours = make(type), theirs = make(at::kDouble);
  const at::Tensor x = ours.x.contiguous(at::MemoryFormat::ChannelsLast);
  const auto mine = gradients(
      ours, group_norm(x, 3, ours.weight, ours.bias, 1e-3, activation, ours.shift, ours.skip));
  const auto wanted = gradients(theirs, reference(theirs, activation));
  ASSERT_EQ(mine.size(), wanted.size());
  for (size_t i = 0; i < mine.size(); ++i)
    EXPECT_LT((mine[i] - wanted[i]).abs().max().item<double>(),
              tolerance * wanted[i].abs().max().item<double>())
        << "output or gradient " << i << " of " << type;
}

TEST(GroupNorm, EqualsLibTorchForwardAndBackward) {
  for (const auto activation : {Activation::kNone, Activation::kSilu})
    for (const bool per_image : {false, true})
      for (const bool shifted : {false, true})
        for (const int64_t skipped : {0, 3}) {
          expect_equal(at::kFloat, activation, per_image, shifted, skipped, 2e-6);
          expect_equal(at::kDouble, activation, per_image, shifted, skipped, 1e-12);
        }
}

TEST(GroupNorm, KeepsDigitsWhereTheMeanIsFarFromZero) {
  const at::Tensor x = leaf({1, 6, 32, 32}, at::kDouble, 0).detach();
  const at::Tensor ones = at::ones({6}), zeros = at::zeros({6});
  const at::Tensor y =
      group_norm((x + 1000).to(at::kFloat), 3, ones, zeros, 1e-6, Activation::kNone);
  const at::Tensor wanted =
      at::group_norm((x + 1000).to(at::kFloat).to(at::kDouble), 3, {}, {}, 1e-6);
  EXPECT_LT((y - wanted).abs().max().item<double>(), 1e-4);
}

TEST(GroupNorm, LargeValuesSaturateSilu) {
  const at::Tensor x = at::tensor({-1.0f, 1.0f}).view({1, 1, 1, 2});
  const at::Tensor y = group_norm(x, 1, at::full({1}, 1e4f), at::zeros({1}), 0, Activation::kSilu);
  EXPECT_NEAR(y[0][0][0][0].item<double>(), 0, 1e-30);
  EXPECT_FLOAT_EQ(y[0][0][0][1].item<float>(), 1e4f);
}

}  // namespace
}  // namespace diffuse
