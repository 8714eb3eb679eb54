// The kernels of group normalisation, run on the CPU, against LibTorch's operators in float64.
#include "src/model/ops/group_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <vector>

#include "src/model/dropout_scope.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::ops {
namespace {

struct Shape {
  int64_t batch, channels, skipped, groups, height, width;
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.batch << " images of " << s.channels << " + " << s.skipped << " channels in "
             << s.groups << " groups, " << s.height << " x " << s.width;
}

// Channels that 128 bits divide and others, one tile of channels and several, few pixels and many.
const Shape kShapes[] = {{2, 32, 0, 8, 5, 7},   {1, 8, 0, 1, 1, 1},     {5, 24, 16, 5, 3, 3},
                         {3, 6, 3, 3, 4, 5},    {2, 7, 0, 7, 9, 2},     {1, 96, 64, 32, 8, 8},
                         {2, 40, 8, 4, 32, 32}, {1, 300, 20, 32, 2, 3}, {1, 64, 0, 32, 1, 17},
                         {1, 16, 0, 2, 31, 33}, {1, 2304, 0, 32, 2, 2}};

// Too many pixels for one block to finish: the passes are launched apart.
const Shape kLarge[] = {{1, 48, 16, 2, 80, 80}, {1, 5, 0, 5, 130, 130}};

enum class With { kNothing, kBias, kShift, kRowShift, kModulation, kDropout };

constexpr double kDropped = 0.3;

std::shared_ptr<const std::vector<StreamKey>> keys_for(const Shape& shape) {
  return std::make_shared<const std::vector<StreamKey>>(consecutive_keys(5, 70, shape.batch));
}

struct Inputs {
  at::Tensor x, skip, weight, bias, x_bias, shift, scale, offset;

  std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> found;
    for (const at::Tensor& leaf : {x, skip, weight, bias, x_bias, shift, scale, offset})
      if (leaf.defined()) found.push_back(leaf);
    return found;
  }
};

Inputs draw(const Shape& s, With with, at::ScalarType type) {
  at::manual_seed(s.channels + 100 * s.height);
  const auto leaf = [](at::IntArrayRef sizes, at::ScalarType stored) {
    return at::randn(sizes).to(stored).requires_grad_();
  };
  const int64_t all = s.channels + s.skipped;
  Inputs in;
  in.x = leaf({s.batch, s.channels, s.height, s.width}, type);
  if (s.skipped > 0) in.skip = leaf({s.batch, s.skipped, s.height, s.width}, type);
  in.weight = leaf({all}, at::kFloat);
  in.bias = leaf({all}, at::kFloat);
  if (with == With::kBias && s.skipped == 0) in.x_bias = leaf({all}, at::kFloat);
  if (with == With::kShift || with == With::kDropout) in.shift = leaf({s.batch, all}, type);
  if (with == With::kRowShift) in.shift = leaf({all}, type);
  if (with == With::kModulation) {
    in.scale = leaf({s.batch, all}, type);
    in.offset = leaf({s.batch, all}, type);
  }
  return in;
}

Inputs exact(const Inputs& in) {
  const auto wide = [](const at::Tensor& t) {
    return t.defined() ? t.detach().to(at::kDouble).requires_grad_() : t;
  };
  return {wide(in.x),      wide(in.skip),  wide(in.weight), wide(in.bias),
          wide(in.x_bias), wide(in.shift), wide(in.scale),  wide(in.offset)};
}

// The modulation as chunks of one tensor, as the network has it.
Modulation modulation_of(const Inputs& in) {
  if (!in.scale.defined()) return {};
  const auto parts = at::cat({in.scale, in.offset}, 1).chunk(2, 1);
  return {parts[0], parts[1]};
}

at::Tensor computed(const Inputs& in, const Shape& s, bool silu, With with) {
  const NormInput input{{in.x, in.x_bias}, in.skip, in.shift};
  const Norm norm{in.weight, in.bias, s.groups, 1e-5};
  if (!silu) return group_norm(input, norm);
  const DropoutScope scope(keys_for(s));
  return group_norm_silu(input, norm, modulation_of(in),
                         {with == With::kDropout ? kDropped : 0.0, 4});
}

// ops::dropout's mask on the CPU has its own tests.
at::Tensor dropped(const at::Tensor& y, const Shape& s) {
  diffuse::cuda::KernelLauncherScope none(nullptr);
  const DropoutScope scope(keys_for(s));
  return dropout(y, {kDropped, 4});
}

at::Tensor reference(const Inputs& in, const Shape& s, bool silu, With with) {
  const auto pixelwise = [&](const at::Tensor& t) {
    return t.view({t.dim() == 2 ? s.batch : 1, -1, 1, 1});
  };
  at::Tensor h = in.skip.defined() ? at::cat({in.x, in.skip}, 1) : in.x;
  if (in.x_bias.defined()) h = h + pixelwise(in.x_bias);
  if (in.shift.defined()) h = h + pixelwise(in.shift);
  at::Tensor y = at::group_norm(h, s.groups, in.weight, in.bias, 1e-5);
  if (!silu) return y;
  if (in.scale.defined()) y = y * (1 + pixelwise(in.scale)) + pixelwise(in.offset);
  y = at::silu(y);
  return with == With::kDropout ? dropped(y, s) : y;
}

void expect_equal(const Shape& s, at::ScalarType type, bool silu, With with, double tolerance,
                  int64_t launches = 1) {
  SCOPED_TRACE(testing::Message() << s << ", " << type << ", silu " << silu << ", with "
                                  << static_cast<int>(with));
  shim::ShimLauncher launcher(4);
  const Inputs in = draw(s, with, type), wide = exact(in);
  const at::Tensor y = computed(in, s, silu, with);
  EXPECT_EQ(launcher.launches, launches);
  const at::Tensor wanted = reference(wide, s, silu, with);
  EXPECT_EQ(y.scalar_type(), type);
  const at::Tensor dy = at::randn(y.sizes()).to(type);
  y.backward(dy);
  wanted.backward(dy.to(at::kDouble));
  const auto compare = [&](const at::Tensor& mine, const at::Tensor& other, size_t which) {
    EXPECT_LT((mine.detach().to(at::kDouble) - other.detach()).abs().max().item<double>(),
              tolerance * (1 + other.detach().abs().max().item<double>()))
        << "output or gradient " << which;
  };
  compare(y, wanted, 0);
  const auto leaves = in.leaves(), others = wide.leaves();
  for (size_t i = 0; i < leaves.size(); ++i) {
    ASSERT_TRUE(leaves[i].grad().defined()) << i;
    compare(leaves[i].grad(), others[i].grad(), i + 1);
  }
}

TEST(KernelGroupNorm, EqualsLibTorchForwardAndBackward) {
  for (const Shape& shape : kShapes) {
    expect_equal(shape, at::kFloat, false, With::kBias, 3e-6);
    for (const With with : {With::kNothing, With::kBias, With::kShift, With::kRowShift,
                            With::kModulation, With::kDropout})
      expect_equal(shape, at::kFloat, true, with, 3e-6);
  }
}

TEST(KernelGroupNorm, ReadsAndWritesLowPrecisions) {
  for (const Shape& shape : kShapes)
    for (const With with : {With::kNothing, With::kModulation, With::kDropout}) {
      expect_equal(shape, at::kBFloat16, true, with, 0.005);
      expect_equal(shape, at::kHalf, true, with, 0.0007);
    }
}

TEST(KernelGroupNorm, KeepsDigitsWhereTheMeanIsFarFromZero) {
  const shim::ShimLauncher launcher;
  at::manual_seed(1);
  const at::Tensor x = at::randn({1, 8, 32, 32}) + 1000;
  const at::Tensor y = group_norm({{x}}, {at::ones({8}), at::zeros({8}), 4, 1e-6});
  const at::Tensor wanted = at::group_norm(x.to(at::kDouble), 4, {}, {}, 1e-6);
  EXPECT_LT((y - wanted).abs().max().item<double>(), 1e-4);
}

TEST(KernelGroupNorm, SharesLargeImagesAmongBlocks) {
  for (const Shape& shape : kLarge) {
    expect_equal(shape, at::kFloat, true, With::kShift, 1e-5, 3);
    expect_equal(shape, at::kBFloat16, true, With::kDropout, 0.005, 3);
  }
}

// All results of a forward and backward pass.
std::vector<at::Tensor> pass(const Shape& shape, With with) {
  const shim::ShimLauncher launcher(4);
  const Inputs in = draw(shape, with, at::kBFloat16);
  const at::Tensor y = computed(in, shape, true, with);
  y.backward(at::randn_like(y));
  std::vector<at::Tensor> found{y.detach()};
  for (const at::Tensor& leaf : in.leaves()) found.push_back(leaf.grad());
  return found;
}

// A missing barrier would show.
TEST(KernelGroupNorm, DoesNotDependOnTheOrderOfThreads) {
  for (const Shape& shape : {Shape{3, 32, 8, 8, 16, 16}, Shape{2, 9, 0, 3, 5, 5}, kLarge[0]})
    for (const With with : {With::kDropout, With::kModulation}) {
      const auto wanted = pass(shape, with);
      const shim::LastFirst turned;
      const auto mine = pass(shape, with);
      for (size_t i = 0; i < mine.size(); ++i)
        EXPECT_TRUE(at::equal(mine[i], wanted[i])) << shape << ", output or gradient " << i;
    }
}

TEST(KernelGroupNorm, SaturatesSilu) {
  const shim::ShimLauncher launcher;
  const at::Tensor x = at::tensor({-1.0f, 1.0f}).view({1, 1, 1, 2});
  const at::Tensor y = group_norm_silu({{x}}, {at::full({1}, 1e4f), at::zeros({1}), 1, 0});
  EXPECT_NEAR(y[0][0][0][0].item<double>(), 0, 1e-30);
  EXPECT_FLOAT_EQ(y[0][0][0][1].item<float>(), 1e4f);
}

}  // namespace
}  // namespace diffuse::ops
