#include "src/model/ops/group_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "src/model/dropout_scope.h"

namespace diffuse::ops {
namespace {

enum class After { kNothing, kSilu };

// scale and offset: undefined, or [2, 6].
struct Inputs {
  at::Tensor x, weight, bias, scale, offset, shift, skip;
};

at::Tensor leaf(at::IntArrayRef shape, at::ScalarType type, double phase) {
  const at::Tensor index = at::arange(c10::multiply_integers(shape), at::kDouble);
  return (0.83 * index + phase).sin().mul(2).add(0.5).view(shape).to(type).requires_grad_();
}

// LibTorch's group_norm and silu, in float64.
at::Tensor reference(const Inputs& in, After after) {
  const auto pixelwise = [](const at::Tensor& t) { return t.view({-1, 6, 1, 1}); };
  const at::Tensor joined = in.skip.defined() ? at::cat({in.x, in.skip}, 1) : in.x;
  const at::Tensor x = in.shift.defined() ? joined + pixelwise(in.shift) : joined;
  at::Tensor y = at::group_norm(x, 3, in.weight, in.bias, 1e-3);
  if (in.scale.defined()) y = y * (1 + pixelwise(in.scale)) + pixelwise(in.offset);
  return after == After::kSilu ? at::silu(y) : y;
}

at::Tensor ours(const Inputs& in, After after) {
  const NormInput input{{in.x}, in.skip, in.shift};
  const Norm norm{in.weight, in.bias, 3, 1e-3};
  return after == After::kSilu ? group_norm_silu(input, norm, {in.scale, in.offset})
                               : group_norm(input, norm);
}

std::vector<at::Tensor> gradients(const Inputs& in, const at::Tensor& out) {
  out.backward(leaf(out.sizes(), at::kDouble, 4).detach().square().to(out.scalar_type()));
  std::vector<at::Tensor> found{out.detach()};
  for (const at::Tensor& input : {in.x, in.weight, in.bias, in.scale, in.offset, in.shift, in.skip})
    if (input.defined()) found.push_back(input.grad());
  return found;
}

struct Case {
  After after;
  bool modulated;
  std::vector<int64_t> shift;  // its shape; empty: none
  int64_t skipped;             // channels of the second tensor, of which a group has some of both
};

// Value and all gradients.
void expect_equal(at::ScalarType type, const Case& c, double tolerance) {
  const auto make = [&](at::ScalarType kind) {
    const auto maybe = [&](bool there, at::IntArrayRef shape, double phase) {
      return there ? leaf(shape, kind, phase) : at::Tensor();
    };
    return Inputs{leaf({2, 6 - c.skipped, 9, 11}, kind, 0),
                  leaf({6}, kind, 1),
                  leaf({6}, kind, 2),
                  maybe(c.modulated, {2, 6}, 6),
                  maybe(c.modulated, {2, 6}, 7),
                  maybe(!c.shift.empty(), c.shift, 3),
                  maybe(c.skipped > 0, {2, c.skipped, 9, 11}, 5)};
  };
  const Inputs in = make(type), exact = make(at::kDouble);
  const auto mine = gradients(in, ours(in, c.after));
  const auto wanted = gradients(exact, reference(exact, c.after));
  ASSERT_EQ(mine.size(), wanted.size());
  for (size_t i = 0; i < mine.size(); ++i)
    EXPECT_LT((mine[i] - wanted[i]).abs().max().item<double>(),
              tolerance * wanted[i].abs().max().item<double>())
        << "output or gradient " << i << " of " << type;
}

TEST(GroupNorm, EqualsLibTorchForwardAndBackward) {
  const std::vector<std::vector<int64_t>> shifts{{}, {6}, {2, 6}};
  for (const auto& shift : shifts)
    for (const int64_t skipped : {0, 3})
      for (const Case& c :
           {Case{After::kNothing, false, shift, skipped}, Case{After::kSilu, false, shift, skipped},
            Case{After::kSilu, true, shift, skipped}}) {
        expect_equal(at::kFloat, c, 2e-6);
        expect_equal(at::kDouble, c, 1e-12);
      }
}

// Against float64 of the same rounded numbers: only the result is rounded, to 8 bits.
TEST(GroupNorm, ReadsAndWritesBfloat16ComputingInFloat32) {
  const at::Tensor x = leaf({2, 3, 9, 11}, at::kBFloat16, 0),
                   skip = leaf({2, 3, 9, 11}, at::kBFloat16, 5), weight = leaf({6}, at::kFloat, 1),
                   bias = leaf({6}, at::kFloat, 2), shift = leaf({2, 6}, at::kBFloat16, 3);
  const Inputs in{x, weight, bias, {}, {}, shift, skip};
  const auto exact = [](const at::Tensor& t) {
    return t.detach().to(at::kDouble).requires_grad_();
  };
  const Inputs wide{exact(x), exact(weight), exact(bias), {}, {}, exact(shift), exact(skip)};
  const at::Tensor y = ours(in, After::kSilu);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  const auto mine = gradients(in, y), wanted = gradients(wide, reference(wide, After::kSilu));
  ASSERT_EQ(mine.size(), wanted.size());
  for (size_t i = 0; i < mine.size(); ++i)
    EXPECT_LT((mine[i] - wanted[i]).abs().max().item<double>(),
              0.006 * wanted[i].abs().max().item<double>())
        << "output or gradient " << i;
}

TEST(GroupNorm, TakesTheBiasLeftByTheOperationBefore) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const at::Tensor x = leaf({2, 6, 4, 4}, type, 0), bias = leaf({6}, type, 1),
                     shift = leaf({2, 6}, type, 2);
    const Norm norm{at::ones({6}, type), at::zeros({6}, type), 3, 1e-3};
    const at::Tensor added = x + bias.view({1, 6, 1, 1});
    EXPECT_TRUE(at::allclose(group_norm({{x, bias}}, norm), group_norm({{added}}, norm), 0, 1e-5));
    EXPECT_TRUE(at::allclose(group_norm({{x, bias}, {}, shift}, norm),
                             group_norm({{added}, {}, shift}, norm), 0, 1e-5));
    EXPECT_THROW(group_norm({{x, bias}, x}, norm), c10::Error);
  }
}

TEST(GroupNorm, DropsOutAfterSilu) {
  const at::Tensor x = leaf({3, 6, 8, 8}, at::kFloat, 0).detach();
  const Norm norm{at::ones({6}), at::full({6}, 0.5f), 3, 1e-3};
  const auto keys = std::make_shared<const std::vector<StreamKey>>(consecutive_keys(1, 2, 3));
  const DropoutScope scope(keys);
  const Dropout half{0.5, 3};
  EXPECT_TRUE(at::equal(group_norm_silu({{x}}, norm, {}, half),
                        dropout(group_norm_silu({{x}}, norm), half)));
}

TEST(GroupNorm, KeepsDigitsWhereTheMeanIsFarFromZero) {
  const at::Tensor x = leaf({1, 6, 32, 32}, at::kDouble, 0).detach();
  const at::Tensor ones = at::ones({6}), zeros = at::zeros({6});
  const at::Tensor y = group_norm({{(x + 1000).to(at::kFloat)}}, {ones, zeros, 3, 1e-6});
  const at::Tensor wanted =
      at::group_norm((x + 1000).to(at::kFloat).to(at::kDouble), 3, {}, {}, 1e-6);
  EXPECT_LT((y - wanted).abs().max().item<double>(), 1e-4);
}

TEST(GroupNorm, KeepsDigitsWhereTheFirstRowsDiffer) {
  at::Tensor x = leaf({1, 6, 32, 32}, at::kDouble, 0).detach();
  x.slice(2, 4) += 1000;
  const at::Tensor y = group_norm({{x.to(at::kFloat)}}, {at::ones({6}), at::zeros({6}), 3, 1e-6});
  const at::Tensor wanted = at::group_norm(x.to(at::kFloat).to(at::kDouble), 3, {}, {}, 1e-6);
  EXPECT_LT((y - wanted).abs().max().item<double>(), 1e-5);
}

// 64 rows of pixels and 32, 8 or 1 channels are summed at a time: here 81, and 32 + 8 + 2 and 2.
TEST(GroupNorm, SumsChannelsAndRowsOfAnyNumber) {
  const auto run = [](at::ScalarType type, const auto& normalise) {
    const at::Tensor x = leaf({2, 42, 9, 9}, type, 0), skip = leaf({2, 2, 9, 9}, type, 1);
    const at::Tensor weight = leaf({44}, type, 2), bias = leaf({44}, type, 3);
    const at::Tensor y = normalise(x, skip, weight, bias);
    y.backward(leaf(y.sizes(), at::kDouble, 4).detach().to(type));
    return std::vector<at::Tensor>{y.detach(), x.grad(), skip.grad(), weight.grad(), bias.grad()};
  };
  const auto found =
      run(at::kFloat, [](const auto& x, const auto& skip, const auto& weight, const auto& bias) {
        return group_norm_silu({{x}, skip}, {weight, bias, 4, 1e-3});
      });
  const auto wanted =
      run(at::kDouble, [](const auto& x, const auto& skip, const auto& weight, const auto& bias) {
        return at::silu(at::group_norm(at::cat({x, skip}, 1), 4, weight, bias, 1e-3));
      });
  for (size_t i = 0; i < wanted.size(); ++i)
    EXPECT_LT((found[i] - wanted[i]).abs().max().item<double>(),
              2e-6 * wanted[i].abs().max().item<double>())
        << i;
}

TEST(GroupNorm, LargeValuesSaturateSilu) {
  const at::Tensor x = at::tensor({-1.0f, 1.0f}).view({1, 1, 1, 2});
  const at::Tensor y = group_norm_silu({{x}}, {at::full({1}, 1e4f), at::zeros({1}), 1, 0});
  EXPECT_NEAR(y[0][0][0][0].item<double>(), 0, 1e-30);
  EXPECT_FLOAT_EQ(y[0][0][0][1].item<float>(), 1e4f);
}

}  // namespace
}  // namespace diffuse::ops
