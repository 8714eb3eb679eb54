#include "diffuse/sample/inpaint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "diffuse/core/random_tensor.h"
#include "diffuse/sample/timesteps.h"

namespace diffuse {
namespace {

using Levels = std::vector<int64_t>;

// E[epsilon | x_t] for data N(0, [[1, rho], [rho, 1]]):
// sqrt(1 - ab) (ab Sigma + (1 - ab) I)^-1 x_t, whose inverse is written out.
Denoiser pair_oracle(const GaussianDiffusion& diffusion, double rho) {
  const at::Tensor ab = diffusion.schedule().alpha_bar();
  return [ab, rho](const at::Tensor& x, const at::Tensor& t) {
    const double a = ab[t[0].item<int64_t>()].item<double>(), off = a * rho,
                 root = std::sqrt(1 - a);
    return at::Tensor((x - off * x.flip(1)) * (root / (1 - off * off)));
  };
}

struct Moments {
  double mean, variance;
};

// The walk is linear in x_T, the known value and every draw, so the painted number's moments are
// exact: its value with all draws 0, and the sum of the squares of the responses to each draw.
// A batch row probes one draw; row 0 none. Known: the first number of each pair, 1.
Moments painted_moments(double rho, const InpaintOptions& options) {
  const GaussianDiffusion diffusion{DiffusionConfig{}};
  const auto steps = static_cast<int64_t>(options.sampler.timesteps.size());
  const auto moves =
      static_cast<int64_t>(repaint_levels(steps, options.jump, options.passes).size());
  const int64_t rows = 1 + 4 * moves;  // two numbers from two sources at each move
  const auto source = [&](int64_t first) {
    return NoiseSource([=](int64_t move) {
      at::Tensor z = at::zeros({rows, 2}, at::kDouble);
      z[first + 4 * move][0] = 1;
      z[first + 4 * move + 1][1] = 1;
      return z;
    });
  };
  const at::Tensor x_T = source(1)(0);
  const at::Tensor known = at::tensor({1.0, 0.0}, at::kDouble).expand({rows, 2});
  const at::Tensor mask = at::tensor({0.0, 1.0}, at::kDouble).unsqueeze(0);
  const at::Tensor x = inpaint(diffusion, pair_oracle(diffusion, rho), x_T, known, mask, options,
                               {source(1), source(3)})
                           .select(1, 1);
  return {x[0].item<double>(), (x.slice(0, 1) - x[0]).square().sum().item<double>()};
}

InpaintOptions options_of(int64_t steps, int64_t jump, int64_t passes) {
  return {.sampler = {.sampler = SamplerKind::kDdpm,
                      .timesteps = spaced_timesteps(1000, steps, Spacing::kLeading),
                      .clip_x0 = false},
          .jump = jump,
          .passes = passes};
}

// By hand from [Lugmayr22]'s get_schedule_jump(6, jump_length=2, jump_n_sample=2), each state + 1.
TEST(RepaintLevels, GoBackAsThePaperSays) {
  EXPECT_EQ(repaint_levels(6, 2, 2), (Levels{6, 5, 4, 3, 4, 5, 4, 3, 2, 1, 2, 3, 2, 1, 0}));
  EXPECT_EQ(repaint_levels(3, 1, 3), (Levels{3, 2, 3, 2, 3, 2, 1, 2, 1, 2, 1, 0}));
  EXPECT_EQ(repaint_levels(3, 1, 1), (Levels{3, 2, 1, 0}));
  EXPECT_EQ(repaint_levels(3, 7, 4), (Levels{3, 2, 1, 0}));
}

// The ancestral sampler's own variance on independent numbers: what is known does not matter.
TEST(Inpaint, IndependentNumbersAreDrawnAsIfNothingWereKnown) {
  const Moments m = painted_moments(0, options_of(1000, 1, 1));
  EXPECT_EQ(m.mean, 0);
  EXPECT_NEAR(m.variance, 0.999900, 1e-6);
}

// Exact moments from tests/reference/repaint_reference.py. The truth is N(0.8, 0.36): replacement
// alone falls far short of it, RePaint comes near.
TEST(Inpaint, RepaintComesToTheConditionalDistribution) {
  const Moments plain = painted_moments(0.8, options_of(100, 1, 1));
  EXPECT_NEAR(plain.mean, 0.490408418, 1e-8);
  EXPECT_NEAR(plain.variance, 0.509825058, 1e-8);
  const Moments repaint = painted_moments(0.8, options_of(100, 10, 10));
  EXPECT_NEAR(repaint.mean, 0.745954060, 1e-8);
  EXPECT_NEAR(repaint.variance, 0.398452080, 1e-8);
  EXPECT_NEAR(repaint.mean, 0.8, 0.06);
  EXPECT_NEAR(repaint.variance, 0.36, 0.04);
}

TEST(Inpaint, KnownPartComesBackBitForBit) {
  const GaussianDiffusion diffusion{DiffusionConfig{}};
  const auto keys = consecutive_keys(1, 0, 2);
  const NoiseSource noise = [&](int64_t move) {
    return normal_rows(keys, Purpose::kSampleStep, static_cast<uint32_t>(move), {1, 2, 3});
  };
  const Denoiser broken = [](const at::Tensor& x, const at::Tensor&) {
    return at::full_like(x, std::numeric_limits<float>::quiet_NaN());
  };
  const at::Tensor known = noise(99);
  const at::Tensor mask = at::tensor({0.f, 0.5f, 1.f, 0.f, 0.f, 1.f}).view({1, 1, 2, 3});
  const at::Tensor x =
      inpaint(diffusion, broken, noise(0), known, mask, options_of(10, 2, 2), {noise, noise});
  const at::Tensor kept = (mask == 0).expand_as(x);
  EXPECT_TRUE(at::equal(x.masked_select(kept), known.masked_select(kept)));
  EXPECT_TRUE(x.masked_select(~kept).isnan().all().item<bool>());
}

TEST(Feather, RisesInwardsFromTheEdge) {
  const at::Tensor mask = at::tensor({0.f, 1.f, 1.f, 1.f, 1.f, 1.f}).view({1, 1, 1, 6});
  EXPECT_TRUE(
      at::allclose(feather(mask, 2).flatten(), at::tensor({0.f, 1.f / 3, 2.f / 3, 1.f, 1.f, 1.f})));
  EXPECT_TRUE(at::equal(feather(mask, 0), mask));
}

}  // namespace
}  // namespace diffuse
