#include "src/model/small_networks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/message_of.h"

namespace diffuse {
namespace {

ModelConfig mlp_config() {
  ModelConfig config;
  config.type = NetworkType::kMlp;
  config.sample_shape = {2};
  config.hidden = 16;
  config.layers = 2;
  return config;
}

TEST(Mlp, GivesPointsAndTwiceAsManyValuesForALearnedVariance) {
  const at::Tensor x = at::ones({3, 2}), t = at::zeros({3}, at::kLong);
  const at::Tensor out = make_network(mlp_config(), false, {}, 0)->forward(x, t, {});
  EXPECT_EQ(out.sizes(), (at::IntArrayRef{3, 2}));
  EXPECT_LT(out.abs().max().item<float>(), 1e-3);  // starts near zero
  EXPECT_EQ(make_network(mlp_config(), true, {}, 0)->forward(x, t, {}).size(1), 4);
}

TEST(Mlp, DependsOnPointTimeAndClass) {
  ModelConfig config = mlp_config();
  config.classes = 2;
  const auto network = make_network(config, false, {}, 0);
  const at::NoGradGuard no_grad;
  network->named_parameters()["output.weight"].fill_(0.1).select(1, 0).zero_();
  const at::Tensor x = at::ones({1, 2}), t = at::zeros({1}, at::kLong);
  const at::Tensor out = network->forward(x, t, {});
  EXPECT_TRUE(at::equal(out, network->forward(x, t, t + 2)));  // 2 is "no class"
  EXPECT_FALSE(at::allclose(out, network->forward(x * 2, t, {})));
  EXPECT_FALSE(at::allclose(out, network->forward(x, t + 9, {})));
  EXPECT_FALSE(at::allclose(out, network->forward(x, t, t)));
}

TEST(Mlp, GradientReachesEveryParameter) {
  const auto network = make_network(mlp_config(), false, {}, 0);
  network->forward(at::ones({3, 2}), at::arange(3), {}).sub(1).square().sum().backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<float>(), 0) << item.key();
  }
}

TEST(Mlp, RefusesImages) {
  ModelConfig config = mlp_config();
  config.sample_shape = {1, 8, 8};
  EXPECT_EQ(message_of([&] { make_network(config, false, {}, 0); }),
            "/model/type: \"mlp\" needs points, but the data are images or signals; use \"unet\"");
}

// a^2 + s^2 = 1, with a^2 of each time from a table.
OracleView table_view(std::vector<double> alpha_bar) {
  return [table = at::tensor(alpha_bar, at::kDouble)](const at::Tensor& time) {
    const at::Tensor kept = table.index_select(0, time.to(at::kLong));
    const at::Tensor one = at::ones_like(kept), zero = at::zeros_like(kept);
    return OracleLevels{kept.sqrt(), (1 - kept).sqrt(), zero, one, one};
  };
}

// alpha_bar = 0.8, s^2 = 0.25: sqrt(0.2) / (0.8 0.25 + 0.2) = 1.1180339887498949
TEST(GaussianOracle, IsTheExpectedNoise) {
  GaussianOracle oracle(0.25, table_view({1.0, 0.8, 0.0}));
  const at::Tensor x = at::full({3, 1, 2, 2}, 2.0, at::kDouble);
  const at::Tensor out = oracle.forward(x, at::arange(3), {});
  EXPECT_EQ(out.scalar_type(), at::kDouble);
  EXPECT_EQ(out[0].sum().item<double>(), 0.0);  // nothing is noise yet
  EXPECT_NEAR(out[1][0][1][1].item<double>(), 2 * 1.1180339887498949, 1e-14);
  EXPECT_EQ(out[2][0][0][0].item<double>(), 2.0);  // everything is
  EXPECT_EQ(oracle.forward(x.to(at::kFloat), at::arange(3), {}).scalar_type(), at::kFloat);
  EXPECT_EQ(parameter_count(oracle), 0);
}

ModelConfig mixture_config(std::vector<double> means, double variance, int64_t dimensions,
                           std::vector<double> weights = {}) {
  ModelConfig config;
  config.type = NetworkType::kMixtureOracle;
  config.means = std::move(means);
  config.weights = std::move(weights);
  config.variance = variance;
  config.sample_shape = {dimensions};
  return config;
}

// x_t and the oracle's epsilon there, at alpha_bar = 0.8.
at::Tensor mixture_epsilon(const ModelConfig& config, const at::Tensor& x) {
  const auto oracle = make_network(config, false, table_view({1.0, 0.8}), 0);
  return oracle->forward(x, at::ones({x.size(0)}, at::kLong), {});
}

TEST(MixtureOracle, OfOneComponentIsTheGaussianMovedToItsMean) {
  const at::Tensor x = at::tensor({0.3, -2.0, 5.0, 1.0}, at::kDouble).view({2, 2});
  const at::Tensor moved = x - std::sqrt(0.8) * at::tensor({1.5, -0.5}, at::kDouble);
  EXPECT_TRUE(at::allclose(mixture_epsilon(mixture_config({1.5, -0.5}, 0.25, 2), x),
                           1.1180339887498949 * moved, 0, 1e-13));
}

// Data +-m with nothing around them: E[x_0 | x_t] = m tanh(sqrt(ab) m x_t / (1 - ab)), and with odds
// of e^2 for +m, m tanh(... + 1).
TEST(MixtureOracle, OfTwoPointsIsTheHyperbolicTangent) {
  constexpr double kM = 0.7, kKept = 0.8;
  for (const double log_odds : {0.0, 2.0})
    for (const double x : {-1.2, -0.05, 0.0, 0.4, 3.0}) {
      const double x0 = kM * std::tanh(std::sqrt(kKept) * kM * x / (1 - kKept) + log_odds / 2);
      const at::Tensor eps =
          mixture_epsilon(mixture_config({-kM, kM}, 1e-300, 1, {1, std::exp(log_odds)}),
                          at::full({1, 1}, x, at::kDouble));
      EXPECT_NEAR(eps.item<double>(), (x - std::sqrt(kKept) * x0) / std::sqrt(1 - kKept), 1e-12);
    }
}

TEST(MixtureOracle, RefusesMeansThatDoNotFit) {
  const auto message = [](const ModelConfig& config) -> std::string {
    return message_of([&] { make_network(config, false, table_view({1.0}), 0); });
  };
  EXPECT_EQ(message(mixture_config({1, 2, 3}, 1, 2)),
            "/model/means: expected 2 numbers per component, got 3");
  EXPECT_EQ(message(mixture_config({1, 2, 3, 4}, 1, 2, {1, 1, 1})),
            "/model/weights: expected 2, one per component, got 3");
}

// [Chen22]: no estimate is an estimate of zeros, and the estimate counts.
TEST(Mlp, SelfConditionedTakesALastX0OrZeros) {
  ModelConfig config = mlp_config();
  config.self_conditioning = true;
  const auto network = make_network(config, false, {}, 0);
  const at::Tensor x = at::ones({3, 2}), t = at::zeros({3}, at::kLong);
  const at::Tensor alone = network->forward(x, t, {});
  EXPECT_TRUE(network->self_conditioned());
  EXPECT_TRUE(at::equal(alone, network->forward(at::cat({x, at::zeros({3, 2})}, 1), t, {})));
  EXPECT_FALSE(at::equal(alone, network->forward(at::cat({x, x}, 1), t, {})));
}

}  // namespace
}  // namespace diffuse
