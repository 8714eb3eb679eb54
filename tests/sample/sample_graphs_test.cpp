#include "src/sample/sample_graphs.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/sample/timesteps.h"
#include "tests/fake_graph.h"

namespace diffuse {
namespace {

// A network of x, time and labels.
class Mixing : public Network {
 public:
  explicit Mixing(bool self_conditioned) : self_conditioned_(self_conditioned) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                     const Conditioning& given) override {
    at::Tensor y = (x.narrow(1, 0, 3) + x.narrow(1, x.size(1) - 3, 3)).tanh();
    if (given.labels.defined()) y = y + 0.1 * given.labels.to(at::kFloat).view({-1, 1});
    return y + 0.01 * time.to(at::kFloat).view({-1, 1});
  }
  bool self_conditioned() const override { return self_conditioned_; }

 private:
  bool self_conditioned_;
};

DiffusionConfig twenty_steps() {
  DiffusionConfig config;
  config.timesteps = 20;
  config.beta_end = 0.3;
  return config;
}

GenerateOptions options_for(SamplerKind sampler, int64_t rows, int64_t first_label) {
  return {.sampler = {.sampler = sampler, .timesteps = spaced_timesteps(20, 7, Spacing::kTrailing)},
          .shape = {3},
          .labels = round_robin_labels(rows, 4, first_label),
          .classes = 4};
}

// Batches of two sizes and other labels, with guidance and without, by one set of graphs.
TEST(SampleGraphs, GiveTheSamplesOfSingleKernels) {
  const GaussianDiffusion diffusion(twenty_steps());
  for (const bool self_conditioned : {false, true}) {
    Mixing network(self_conditioned);
    FakeGraphs fake;
    const auto graphs = std::make_shared<SampleGraphs>(fake.maker(), at::kCPU);
    int64_t seed = 0;
    for (const auto& entry : Words<SamplerKind>::list)
      for (const double guidance : {1.0, 3.0})
        for (const int64_t rows : {4, 2, 4}) {
          const auto keys = consecutive_keys(++seed, 0, rows);
          GenerateOptions options = options_for(entry.value, rows, seed);
          options.guidance = guidance;
          const at::Tensor plain = generate(network, diffusion, keys, options);
          options.graphs = graphs;
          EXPECT_TRUE(at::equal(generate(network, diffusion, keys, options), plain))
              << entry.text << guidance << rows;
        }
    // Sizes, guidances and, where self-conditioned, the widths of the input.
    EXPECT_EQ(fake.made, self_conditioned ? 8 : 4);
    EXPECT_GT(fake.replays, 100);
  }
}

TEST(SampleGraphs, LeaveGradientsToTheNetwork) {
  Mixing network(false);
  const GaussianDiffusion diffusion(twenty_steps());
  FakeGraphs fake;
  GenerateOptions options = options_for(SamplerKind::kDdim, 2, 0);
  options.graphs = std::make_shared<SampleGraphs>(fake.maker(), at::kCPU);
  const Denoiser denoiser = make_denoiser(network, diffusion, options);
  const at::Tensor x = at::ones({2, 3}).requires_grad_();
  denoiser(x, at::full({2}, 3.0, at::kDouble)).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_EQ(fake.made, 0);
}

// An interval of guidance reads its rows on the host, and recordings hold one network: both go without.
TEST(SampleGraphs, RecordNeitherIntervalsNorGuides) {
  Mixing network(false);
  const GaussianDiffusion diffusion(twenty_steps());
  const auto keys = consecutive_keys(3, 0, 2);
  FakeGraphs fake;
  const auto graphs = std::make_shared<SampleGraphs>(fake.maker(), at::kCPU);
  GenerateOptions interval = options_for(SamplerKind::kDdim, 2, 0), guide = interval;
  interval.guidance = guide.guidance = 2;
  interval.guidance_interval = {0.5, 1};
  guide.guide = std::make_shared<Mixing>(false);
  for (GenerateOptions* const options : {&interval, &guide}) {
    const at::Tensor plain = generate(network, diffusion, keys, *options);
    options->graphs = graphs;
    EXPECT_TRUE(at::equal(generate(network, diffusion, keys, *options), plain));
  }
  EXPECT_EQ(fake.made, 0);
}

TEST(SampleGraphs, AreNotMadeOnTheCpu) { EXPECT_EQ(make_sample_graphs(at::kCPU), nullptr); }

}  // namespace
}  // namespace diffuse
