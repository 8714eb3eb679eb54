#include "diffuse/sample/interpolate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

const at::Tensor kA = at::tensor({1.0, 0.0}, at::kDouble), kB = at::tensor({0.0, 1.0}, at::kDouble);
const at::Tensor kShares = at::tensor({0.0, 0.5, 1.0}, at::kDouble);

TEST(Mix, LinearIsTheChord) {
  const at::Tensor expected = at::tensor({1.0, 0.0, 0.5, 0.5, 0.0, 1.0}, at::kDouble);
  EXPECT_TRUE(at::allclose(mix(kA, kB, kShares, Mixing::kLinear), expected.view({3, 2})));
}

TEST(Mix, SphericalIsTheArc) {
  const double h = 0.70710678118654752;
  const at::Tensor expected = at::tensor({1.0, 0.0, h, h, 0.0, 1.0}, at::kDouble);
  EXPECT_TRUE(at::allclose(mix(kA, kB, kShares, Mixing::kSpherical), expected.view({3, 2})));
}

TEST(Mix, SphericalWithoutAnArcIsLinear) {
  for (const at::Tensor& b : {kA, -kA, at::zeros_like(kA)})
    EXPECT_TRUE(
        at::equal(mix(kA, b, kShares, Mixing::kSpherical), mix(kA, b, kShares, Mixing::kLinear)));
}

}  // namespace
}  // namespace diffuse
