#include "diffuse/sample/generate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/sample/timesteps.h"

namespace diffuse {
namespace {

DiffusionConfig twenty_steps() {
  DiffusionConfig config;
  config.timesteps = 20;
  config.beta_end = 0.3;
  return config;
}

// Calls a function for a network.
class Fake : public Network {
 public:
  using Forward = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& labels)>;
  explicit Fake(Forward forward, bool self_conditioned = false)
      : forward_(std::move(forward)), self_conditioned_(self_conditioned) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning& given) override {
    return forward_(x, given.labels);
  }
  bool self_conditioned() const override { return self_conditioned_; }

 private:
  Forward forward_;
  bool self_conditioned_;
};

GenerateOptions options_for(SamplerKind sampler, double eta = 0) {
  return {.sampler = {.sampler = sampler,
                      .timesteps = spaced_timesteps(20, 7, Spacing::kTrailing),
                      .eta = eta},
          .shape = {3}};
}

TEST(Generate, ASampleDependsOnItsKeyAlone) {
  Fake network([](const at::Tensor& x, const at::Tensor&) { return (2 * x).tanh(); });
  const GaussianDiffusion diffusion(twenty_steps());
  const auto keys = consecutive_keys(7, 0, 6);
  for (const auto& entry : Words<SamplerKind>::list) {
    const GenerateOptions options =
        options_for(entry.value, entry.value == SamplerKind::kDdim ? 0.5 : 0);
    const at::Tensor all = generate(network, diffusion, keys, options);
    const at::Tensor last = generate(network, diffusion, std::span(keys).subspan(4), options);
    EXPECT_TRUE(at::equal(all.slice(0, 4), last)) << entry.text;
    EXPECT_FALSE(at::equal(all[4], all[5])) << entry.text;
  }
}

// w times the way from "no class" (2) to the label, in the prediction; the variance is the label's.
TEST(Generate, GuidanceLeavesALearnedVarianceAlone) {
  Fake network([](const at::Tensor& x, const at::Tensor& labels) {
    return (labels.to(at::kFloat).view({-1, 1}) + 1).expand({x.size(0), 2 * x.size(1)});
  });
  const at::Tensor labels = at::tensor({0, 1}, at::kLong);
  const Denoiser guided = bind_conditioning(network, labels, at::full_like(labels, 2), 3.0,
                                            /*learned_variance=*/true);
  const at::Tensor out = guided(at::zeros({2, 1}), at::zeros({2}, at::kLong));
  EXPECT_TRUE(at::equal(out, at::tensor({-3.0f, 1.0f, 0.0f, 2.0f}).view({2, 2}))) << out;
}

// worse + w (better - worse), at the same labels: 1 + 3 (2 - 1) in the interval, else the better one's 2.
TEST(Generate, AutoguidanceMovesAwayFromAWorseModelInItsInterval) {
  Fake network([](const at::Tensor& x, const at::Tensor&) { return at::full_like(x, 2); });
  GenerateOptions options = options_for(SamplerKind::kDdim);
  options.guidance = 3;
  options.guide = std::make_shared<Fake>(
      [](const at::Tensor& x, const at::Tensor&) { return at::full_like(x, 1); });
  const GaussianDiffusion diffusion(twenty_steps());
  const auto sigma = [&](double t) { return diffusion.process().level(t).sigma(); };
  const at::Tensor x = at::zeros({3, 3}), t = at::tensor({2.0, 9.0, 15.0}, at::kDouble);
  const auto answers = [&] {
    return make_denoiser(network, diffusion, options)(x, t).select(1, 0);
  };
  EXPECT_TRUE(at::equal(answers(), at::tensor({4.0f, 4.0f, 4.0f})));
  options.guidance_interval = {sigma(5), sigma(12)};
  EXPECT_TRUE(at::equal(answers(), at::tensor({2.0f, 4.0f, 2.0f})));
  options.guidance_interval = {sigma(16), sigma(18)};
  options.guide = std::make_shared<Fake>([](const at::Tensor&, const at::Tensor&) -> at::Tensor {
    throw std::runtime_error("called outside of the interval");
  });
  EXPECT_TRUE(at::equal(answers(), at::tensor({2.0f, 2.0f, 2.0f})));
}

TEST(Generate, SelfConditioningPassesTheLastX0On) {
  DiffusionConfig config = twenty_steps();
  config.prediction = PredictionKind::kX0;
  std::vector<float> seen;
  Fake network(
      [&](const at::Tensor& x, const at::Tensor&) {
        const bool given = x.size(1) == 6;
        seen.push_back(given ? x[0][3].item<float>() : 0);
        return at::full({x.size(0), 3}, 0.1f * static_cast<float>(seen.size()));
      },
      /*self_conditioned=*/true);
  const auto keys = consecutive_keys(0, 0, 1);
  GenerateOptions options = options_for(SamplerKind::kDdim);
  options.sampler.timesteps = {15, 10, 5};
  generate(network, GaussianDiffusion(config), keys, options);
  EXPECT_EQ(seen, (std::vector<float>{0, 0.1f, 0.2f}));
}

TEST(Generate, SharesOneWayUntilTheStepToPart) {
  Fake network([](const at::Tensor& x, const at::Tensor&) { return (2 * x).tanh(); });
  const GaussianDiffusion diffusion(twenty_steps());
  const auto keys = consecutive_keys(7, 0, 3);
  GenerateOptions options = options_for(SamplerKind::kDdpm);
  options.share_from = options.sampler.timesteps[3];
  options.shared = {7, 0};
  std::vector<bool> same;
  generate(network, diffusion, keys, options, [&](const SampleStep& step) {
    same.push_back(at::equal(step.x[0], step.x[1]) && at::equal(step.x[0], step.x[2]));
  });
  EXPECT_EQ(same, (std::vector<bool>{true, true, true, false, false, false, false}));
  const at::Tensor alone = generate(network, diffusion, std::span(keys).subspan(2), options);
  EXPECT_TRUE(at::equal(generate(network, diffusion, keys, options)[2], alone[0]));
}

}  // namespace
}  // namespace diffuse
