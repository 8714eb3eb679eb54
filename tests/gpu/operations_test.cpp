// Each operation of the networks on a GPU against the CPU: value and gradients, on fresh random numbers.
#include <random>

#include "src/core/noise.h"
#include "src/model/compute_scope.h"
#include "src/model/ops/attention.h"
#include "src/model/ops/conv.h"
#include "src/model/ops/group_norm.h"
#include "src/model/ops/linear.h"
#include "src/model/ops/silu.h"
#include "tests/gpu/gpu.h"

namespace diffuse {
namespace {

using Tensors = std::vector<at::Tensor>;

// of(activations, parameters)
using Operation = std::function<at::Tensor(const Tensors&, const Tensors&)>;

struct Shapes {
  std::vector<std::vector<int64_t>> activations, parameters;
};

Tensors random(const std::vector<std::vector<int64_t>>& shapes, at::ScalarType rounded_to) {
  Tensors all;
  for (const auto& shape : shapes) {
    const at::Tensor x = at::randn(shape).to(rounded_to).to(at::kFloat);
    all.push_back(x.dim() == 4 ? x.contiguous(at::MemoryFormat::ChannelsLast) : x);
  }
  return all;
}

Tensors leaves(const Tensors& values, c10::Device device, at::ScalarType type) {
  Tensors all;
  for (const at::Tensor& x : values) all.push_back(x.to(device, type).detach().requires_grad_());
  return all;
}

// The output, then the gradients of the activations and of the parameters.
Tensors run(const Operation& of, const Tensors& activations, const Tensors& parameters,
            const at::Tensor& upstream) {
  Tensors found{of(activations, parameters)};
  found[0].backward(upstream.to(found[0].options()));
  for (const Tensors* const inputs : {&activations, &parameters})
    for (const at::Tensor& x : *inputs) found.push_back(x.grad());
  return found;
}

class Operations : public OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    seed_ = std::random_device()();
    at::manual_seed(seed_);
  }

  void expect_as_on_the_cpu(const Operation& of, const Shapes& shapes) const {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(concat("seed ", seed_, ", ", type));
      const Tensors x = random(shapes.activations, type), w = random(shapes.parameters, type);
      const Tensors x0 = leaves(x, at::kCPU, at::kFloat), w0 = leaves(w, at::kCPU, at::kFloat);
      const at::Tensor upstream = at::randn_like(of(x0, w0)).to(type).to(at::kFloat);
      const Tensors expected = run(of, x0, w0, upstream);
      const ComputeScope scope(type);
      const Tensors found = run(of, leaves(x, gpu(), type), leaves(w, gpu(), at::kFloat), upstream);
      for (size_t i = 0; i < found.size(); ++i)
        EXPECT_LT(distance(found[i], expected[i]), type == at::kFloat ? 1e-5 : 1e-2) << i;
    }
  }

  uint32_t seed_ = 0;
};

TEST_F(Operations, Conv2d) {
  for (const ops::Window& window :
       {ops::Window{3, 1, 1}, ops::Window{3, 2, 1}, ops::Window{1, 1, 0},
        ops::Window{.kernel = 3, .stride = 2, .padding = 1, .at_end = true}})
    expect_as_on_the_cpu(
        [&](const Tensors& x, const Tensors& w) { return ops::conv2d(x[0], w[0], w[1], window); },
        {{{3, 24, 9, 9}}, {{40, 24, window.kernel, window.kernel}, {40}}});
}

TEST_F(Operations, ResidualSum) {
  expect_as_on_the_cpu(
      [](const Tensors& x, const Tensors& w) {
        return ops::residual_sum(ops::conv2d_biased(x[0], w[0], w[1], {3, 1, 1}), x[1]);
      },
      {{{2, 16, 8, 8}, {2, 24, 8, 8}}, {{24, 16, 3, 3}, {24}}});
}

TEST_F(Operations, ShortcutOfTwoInputs) {
  expect_as_on_the_cpu(
      [](const Tensors& x, const Tensors& w) {
        const auto h = ops::conv2d_biased(x[0], w[0], w[1], {3, 1, 1});
        return ops::residual_conv1x1(h, x[1], x[2], w[2]);
      },
      {{{2, 16, 8, 8}, {2, 8, 8, 8}, {2, 24, 8, 8}}, {{16, 16, 3, 3}, {16}, {16, 32, 1, 1}}});
}

TEST_F(Operations, GroupNorm) {
  expect_as_on_the_cpu(
      [](const Tensors& x, const Tensors& w) {
        return ops::group_norm({{x[0]}}, {w[0], w[1], 4, 1e-5});
      },
      {{{3, 24, 7, 7}}, {{24}, {24}}});
}

TEST_F(Operations, GroupNormOfTwoInputsWithSilu) {
  expect_as_on_the_cpu(
      [](const Tensors& x, const Tensors& w) {
        return ops::group_norm_silu({{x[0]}, x[1]}, {w[0], w[1], 8, 1e-5});
      },
      {{{3, 24, 7, 7}, {3, 8, 7, 7}}, {{32}, {32}}});
}

TEST_F(Operations, GroupNormOfAShiftedConvolution) {
  expect_as_on_the_cpu(
      [](const Tensors& x, const Tensors& w) {
        return ops::group_norm_silu({ops::conv2d_biased(x[0], w[2], w[3], {3, 1, 1}), {}, x[1]},
                                    {w[0], w[1], 4, 1e-5});
      },
      {{{2, 16, 6, 6}, {2, 24}}, {{24}, {24}, {24, 16, 3, 3}, {24}}});
}

TEST_F(Operations, ModulatedGroupNorm) {
  expect_as_on_the_cpu(
      [](const Tensors& x, const Tensors& w) {
        return ops::group_norm_silu({{x[0]}}, {w[0], w[1], 4, 1e-5}, {x[1], x[2]});
      },
      {{{3, 24, 5, 5}, {3, 24}, {3, 24}}, {{24}, {24}}});
}

TEST_F(Operations, Linear) {
  expect_as_on_the_cpu(
      [](const Tensors& x, const Tensors& w) { return ops::linear(x[0], w[0], w[1]); },
      {{{5, 33}}, {{47, 33}, {47}}});
}

TEST_F(Operations, Attention) {
  for (const int64_t heads : {1, 4})
    expect_as_on_the_cpu(
        [heads](const Tensors& x, const Tensors&) {
          return ops::attention(x[0], x[1], x[2], heads);
        },
        {{{2, 64, 64}, {2, 64, 64}, {2, 64, 64}}, {}});
}

// Words bit by bit; normals within an ulp.
TEST_F(Operations, Noise) {
  const auto keys = consecutive_keys(seed_, 1'000'000'007, 5);
  for (const int64_t width : {1, 7, 3072}) {
    const at::Tensor expected = normal_rows(keys, Purpose::kNoise, 3, {width});
    const at::Tensor found = noise_rows(keys, Purpose::kNoise, 3, {width}, gpu()).to(at::kCPU);
    EXPECT_TRUE(at::allclose(found, expected, 2.5e-7, 1e-30)) << width;
  }
}

// More rows than CUDA has blocks along y.
TEST_F(Operations, NoiseOfManyRows) {
  const auto keys = consecutive_keys(seed_, 0, 70000);
  const at::Tensor found = noise_rows(keys, Purpose::kNoise, 0, {2}, gpu()).to(at::kCPU);
  EXPECT_TRUE(at::allclose(found, normal_rows(keys, Purpose::kNoise, 0, {2}), 2.5e-7, 1e-30));
}

}  // namespace
}  // namespace diffuse
