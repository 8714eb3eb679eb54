#include "src/sample/known_part.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/sample/generate.h"

namespace diffuse {
namespace {

// Always the same output, whatever it is given.
class Constant : public Network {
 public:
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning& given) override {
    last = given;
    return at::full_like(x, 0.25);
  }
  Conditioning last;
};

DiffusionConfig config_of(PredictionKind prediction) {
  DiffusionConfig config;
  config.timesteps = 20;
  config.beta_end = 0.3;
  config.prediction = prediction;
  return config;
}

// Two channels of three values; the first of each is known.
KnownPart first_known() {
  at::Tensor known = at::zeros({2, 2, 3});
  known.select(2, 0).fill_(1);
  return {at::full({2, 2, 3}, 0.7) * known, known};
}

TEST(KnownPart, OfAConditionIsItsValuesAndMask) {
  const at::Tensor condition = at::arange(8, at::kFloat).view({1, 4, 2});
  const KnownPart part = known_part(condition, 3);
  EXPECT_TRUE(at::equal(part.values, condition.narrow(1, 0, 3)));
  EXPECT_TRUE(at::equal(part.known, condition.narrow(1, 3, 1)));
}

TEST(KnownPart, IsPredictedExactlyAndTheRestIsTheNetworks) {
  for (const PredictionKind prediction :
       {PredictionKind::kEpsilon, PredictionKind::kX0, PredictionKind::kV}) {
    const GaussianDiffusion diffusion(config_of(prediction));
    const KnownPart part = first_known();
    const Denoiser network = [](const at::Tensor& x, const at::Tensor&) {
      return at::full_like(x, 0.25);
    };
    const at::Tensor x_t = at::randn({2, 2, 3}), t = at::tensor({3.0, 15.0}, at::kDouble);
    const at::Tensor output = with_known_part(diffusion, network, part)(x_t, t);
    EXPECT_TRUE(at::equal(output.slice(2, 1), at::full({2, 2, 2}, 0.25)));
    const at::Tensor x0 = diffusion.denoised(output, x_t, t, false).x0;
    EXPECT_TRUE(at::allclose(x0.select(2, 0), at::full({2, 2}, 0.7), 0, 1e-4));
  }
}

TEST(KnownPart, HasNoErrorInALossWhichIsTheMeanOfTheRest) {
  const GaussianDiffusion diffusion(config_of(PredictionKind::kEpsilon));
  at::Tensor known = at::zeros({2, 2, 3});
  known[0].select(1, 0).fill_(1);
  known[1].fill_(1);  // nothing is unknown
  const at::Tensor x0 = at::full({2, 2, 3}, 0.7), eps = at::randn({2, 2, 3});
  const KnownPart part{x0 * known, known};
  const Denoiser network = [](const at::Tensor& x, const at::Tensor&) { return at::zeros_like(x); };
  const at::Tensor loss = mean_of_unknown(
      diffusion.loss(with_known_part(diffusion, network, part), x0, at::tensor({3, 9}), eps), part);
  EXPECT_NEAR(loss[0].item<double>(), eps[0].slice(1, 1).square().mean().item<double>(), 1e-5);
  EXPECT_EQ(loss[1].item<double>(), 0);
}

TEST(KnownPart, IsGivenBackInSamples) {
  const GaussianDiffusion diffusion(config_of(PredictionKind::kX0));
  Constant network;
  const KnownPart part = first_known();
  GenerateOptions options{.sampler = {.sampler = SamplerKind::kDdim, .timesteps = {15, 10, 5}},
                          .shape = {2, 3},
                          .condition = at::cat({part.values, part.known}, 1),
                          .condition_config = {.type = ConditionType::kMask}};
  const at::Tensor x = generate(network, diffusion, consecutive_keys(0, 0, 2), options);
  EXPECT_TRUE(at::equal(x.select(2, 0), at::full({2, 2}, 0.7)));
  EXPECT_TRUE(at::allclose(x.slice(2, 1), at::full({2, 2, 2}, 0.25), 0, 1e-5));
  EXPECT_TRUE(at::equal(network.last.condition, options.condition));
}

// Prediction of the condition's first channel: none + w (given - none) with none = 0.
class Follower : public Network {
 public:
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning& given) override {
    rows = given.condition.size(0);
    return given.condition.narrow(1, 0, x.size(1)) + 1;
  }
  int64_t rows = 0;
};

TEST(Generate, GuidanceMovesAwayFromADroppedCondition) {
  const GaussianDiffusion diffusion(config_of(PredictionKind::kX0));
  Follower network;
  GenerateOptions options{.sampler = {.sampler = SamplerKind::kDdim, .timesteps = {5}},
                          .shape = {1},
                          .condition = at::tensor({2.0f, 4.0f}).view({2, 1}),
                          .guidance = 3};
  const auto answer = [&] {
    return make_denoiser(network, diffusion, options)(at::zeros({2, 1}),
                                                      at::full({2}, 5, at::kDouble));
  };
  EXPECT_TRUE(at::equal(answer(), at::tensor({7.0f, 13.0f}).view({2, 1})));  // 1 + 3 c
  EXPECT_EQ(network.rows, 4);
  options.drops_condition = false;
  EXPECT_TRUE(at::equal(answer(), at::tensor({3.0f, 5.0f}).view({2, 1})));
}

// The class and the condition's channel, added.
class Sum : public Network {
 public:
  at::Tensor forward(const at::Tensor&, const at::Tensor&, const Conditioning& given) override {
    return given.condition + given.labels.to(at::kFloat).view({-1, 1});
  }
};

// none + w (given - none): a class that training never dropped is part of "none".
TEST(Generate, GuidanceKeepsAClassThatWasNeverDropped) {
  const GaussianDiffusion diffusion(config_of(PredictionKind::kX0));
  Sum network;
  GenerateOptions options{.sampler = {.sampler = SamplerKind::kDdim, .timesteps = {5}},
                          .shape = {1},
                          .labels = at::tensor({1, 2}, at::kLong),
                          .classes = 5,
                          .condition = at::tensor({2.0f, 4.0f}).view({2, 1}),
                          .guidance = 3};
  const auto answer = [&] {
    return make_denoiser(network, diffusion, options)(at::zeros({2, 1}),
                                                      at::full({2}, 5, at::kDouble));
  };
  EXPECT_TRUE(at::equal(answer(), at::tensor({-1.0f, 8.0f}).view({2, 1})));  // 5 + 3 (y + c - 5)
  options.drops_labels = false;
  EXPECT_TRUE(at::equal(answer(), at::tensor({7.0f, 14.0f}).view({2, 1})));  // y + 3 c
}

}  // namespace
}  // namespace diffuse
