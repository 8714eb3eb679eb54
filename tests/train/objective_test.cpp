#include "src/train/objective.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diffuse/train/train_report.h"

namespace diffuse {
namespace {

// Predicts no noise, and remembers what it was given.
class Zero : public Network {
 public:
  explicit Zero(bool self_conditioned = false) : self_conditioned_(self_conditioned) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning& given) override {
    inputs.push_back(x);
    last_labels = given.labels;
    return at::zeros_like(x.narrow(1, 0, 2));
  }
  bool self_conditioned() const override { return self_conditioned_; }

  std::vector<at::Tensor> inputs;
  at::Tensor last_labels;

 private:
  bool self_conditioned_;
};

Config config_of_points() {
  Config config;
  config.seed = 3;
  config.model.sample_shape = {2};
  config.model.sample_kind = SampleKind::kPoint;
  config.sample.clip_x0 = false;
  config.train.batch_size = 1000;
  return config;
}

Batch points(int64_t first_sample, int64_t count, const at::Tensor& labels = {}) {
  return {.x = at::full({count, 2}, 0.5), .labels = labels, .first_sample = first_sample};
}

// Of a network that predicts 0 the loss is the mean of the squared noise.
TEST(Objective, GivesEachRowsLossAndItsPartOfTheMean) {
  Objective objective(config_of_points(), at::kCPU, at::kFloat);
  const TrainingRows rows = objective.draw(points(0, 250), 0);
  Zero network;
  const at::Tensor losses = objective.losses(network, rows);
  EXPECT_TRUE(at::allclose(losses, rows.eps.square().mean(1)));
  EXPECT_NEAR(objective.part_of_mean(losses, rows).item<double>(),
              losses.sum().item<double>() / 1000, 1e-6);
  EXPECT_FALSE(network.last_labels.defined());
}

TEST(Objective, DrawsTheSameHoweverABatchIsDivided) {
  Objective objective(config_of_points(), at::kCPU, at::kFloat);
  const TrainingRows whole = objective.draw(points(1000, 10), 1);
  const TrainingRows part = objective.draw(points(1004, 3), 1);
  EXPECT_TRUE(at::equal(part.eps, whole.eps.slice(0, 4, 7)));
  EXPECT_TRUE(at::equal(part.t, whole.t.slice(0, 4, 7)));
  EXPECT_EQ((*part.dropout)[0].index, 1004u);
}

TEST(Objective, DropsTheShareOfLabelsThatIsAskedFor) {
  Config config = config_of_points();
  config.model.classes = 10;
  config.train.label_dropout = 0.25;
  Objective objective(config, at::kCPU, at::kFloat);
  const at::Tensor labels = at::full({1000}, 7, at::kLong);
  const TrainingRows rows = objective.draw(points(0, 1000, labels), 0);
  const auto dropped = (rows.labels == 10).sum().item<int64_t>();
  EXPECT_NEAR(static_cast<double>(dropped), 250, 4 * std::sqrt(1000 * 0.25 * 0.75));
  EXPECT_EQ((rows.labels == 7).sum().item<int64_t>(), 1000 - dropped);
  EXPECT_TRUE(at::equal(labels, at::full({1000}, 7, at::kLong)));
}

// Epsilon 0 says that x_0 is x_t / sqrt(alpha_bar).
TEST(Objective, GivesASelfConditionedNetworkItsOwnX0InHalfOfTheUpdates) {
  Config config = config_of_points();
  const auto updates = [&config] {
    Objective objective(config, at::kCPU, at::kFloat);
    int count = 0;
    for (int64_t step = 0; step < 200; ++step)
      count += objective.draw(points(1000 * step, 1), step).own_x0 ? 1 : 0;
    return count;
  };
  EXPECT_EQ(updates(), 0);
  config.model.self_conditioning = true;
  EXPECT_NEAR(updates(), 100, 4 * std::sqrt(50.0));
  Objective objective(config, at::kCPU, at::kFloat);
  TrainingRows rows = objective.draw(points(0, 4), 0);
  rows.own_x0 = true;
  Zero plain, conditioned(true);
  objective.losses(plain, rows);
  EXPECT_EQ(plain.inputs.size(), 1u);
  objective.losses(conditioned, rows);
  ASSERT_EQ(conditioned.inputs.size(), 2u);
  const at::Tensor x = conditioned.inputs[0], both = conditioned.inputs[1];
  const at::Tensor alpha_bar =
      objective.diffusion().schedule().alpha_bar().index({rows.t}).to(at::kFloat);
  EXPECT_TRUE(at::equal(both.narrow(1, 0, 2), x));
  EXPECT_TRUE(at::allclose(both.narrow(1, 2, 2), x / alpha_bar.sqrt().unsqueeze(1), 1e-3));
}

TEST(Objective, DividesTheTimestepsIntoEqualParts) {
  Config config = config_of_points();
  config.diffusion.timesteps = 1000;
  const Objective objective(config, at::kCPU, at::kFloat);
  TrainingRows rows;
  rows.t = at::tensor({0, 49, 50, 500, 999}, at::kLong);
  EXPECT_TRUE(at::equal(objective.timestep_bins(rows), at::tensor({0, 0, 1, 10, 19}, at::kLong)));
  EXPECT_EQ(kTimestepBins, 20);
}

// Losses of one timestep are told to be large: it is drawn more often, and weighs less.
TEST(Objective, LearnsWhichTimestepsMatterFromTheLossesOfAllRows) {
  Config config = config_of_points();
  config.diffusion.timesteps = 4;
  config.diffusion.timestep_sampler = TimestepLaw::kImportance;
  Objective objective(config, at::kCPU, at::kFloat);
  World world;
  const auto share_of_last = [&](int64_t step) {
    const TrainingRows rows = objective.draw(points(1000 * step, 1000), step);
    return (rows.t == 3).to(at::kFloat).mean().item<double>();
  };
  EXPECT_NEAR(share_of_last(0), 0.25, 0.06);
  const TrainingRows rows = objective.draw(points(0, 1000), 0);
  objective.observe(at::where(rows.t == 3, 3.0F, 1.0F), 0, world);
  EXPECT_NEAR(share_of_last(1), 0.5, 0.07);  // 3 of 1 + 1 + 1 + 3
  EXPECT_EQ(objective.state().size(), 2u);
  EXPECT_TRUE(Objective(config_of_points(), at::kCPU, at::kFloat).state().empty());
}

}  // namespace
}  // namespace diffuse
