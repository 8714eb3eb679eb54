// Training of networks that are given a condition.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diffuse/arrays/checkpoint_file.h"
#include "src/data/condition.h"
#include "src/model_file/guide.h"
#include "src/train/objective.h"
#include "src/train/sample_grid.h"
#include "tests/fixed_items.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"
#include "tests/train/small_training.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

// Predicts no noise, and remembers what it was given.
class ZeroOfCondition : public Network {
 public:
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning& given) override {
    last = given.condition;
    return at::zeros_like(x);
  }
  at::Tensor last;
};

Config images_of(ConditionType type) {
  Config config = small_training();
  config.model.class_conditional = false;
  config.condition.type = type;
  config.condition.dropout = 0.25;
  return config;
}

// For batches of images [3, 8, 8].
Objective objective_of(ConditionType type, int64_t batch) {
  Config config = images_of(type);
  config.model.sample_shape = {3, 8, 8};
  config.model.sample_kind = SampleKind::kImage;
  config.train.batch_size = batch;
  return {config, at::kCPU, at::kFloat};
}

Batch half_grey(int64_t count) { return {.x = at::full({count, 3, 8, 8}, 0.5), .labels = {}}; }

// Of a network that predicts 0 the loss is the mean of the squared noise, here where the mask is 0.
TEST(ConditionTraining, CountsTheUnknownPartOfAMask) {
  Objective objective = objective_of(ConditionType::kMask, 20);
  const TrainingRows rows = objective.draw(half_grey(20), 0);
  ZeroOfCondition network;
  const at::Tensor losses = objective.losses(network, rows);
  EXPECT_TRUE(at::equal(network.last, rows.condition));
  const at::Tensor unknown = 1 - rows.condition.narrow(1, 3, 1);
  const at::Tensor expected =
      (rows.eps.square() * unknown).flatten(1).sum(1) / (3 * unknown.flatten(1).sum(1));
  EXPECT_TRUE(at::allclose(losses, expected, 1e-4, 1e-5)) << losses - expected;
}

TEST(ConditionTraining, DropsTheConditionsOfSomeRows) {
  Objective objective = objective_of(ConditionType::kGrey, 400);
  const TrainingRows rows = objective.draw(half_grey(400), 0);
  const at::Tensor kept = rows.condition.flatten(1).select(1, 0) != 0;
  EXPECT_NEAR(kept.sum().item<double>(), 300, 35);  // 4 standard deviations
  EXPECT_TRUE(at::allclose(rows.condition.index({kept}), at::full({1}, 0.5), 0, 1e-6));
}

std::vector<at::Tensor> weights_after(Trainer& trainer, int64_t steps) {
  while (trainer.step() < steps) trainer.update();
  std::vector<at::Tensor> weights;
  for (const at::Tensor& weight : trainer.network().parameters())
    weights.push_back(weight.detach().clone());
  return weights;
}

Checkpoint saved(const Trainer& trainer) {
  return parse_checkpoint("memory", trainer.checkpoint());
}

TEST(ConditionTraining, ResumesToTheSameBytes) {
  Config config = images_of(ConditionType::kDownscale);
  config.condition.noise = 0.3;
  Trainer whole = make_trainer(config), first = make_trainer(config), second = make_trainer(config);
  const auto expected = weights_after(whole, 6);
  weights_after(first, 3);
  second.restore(saved(first));
  const auto found = weights_after(second, 6);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::equal(found[i], expected[i]));
}

TEST(ConditionTraining, KeepsTheConditionInItsCheckpoint) {
  Config config = images_of(ConditionType::kDownscale);
  const Checkpoint checkpoint = saved(make_trainer(config));
  EXPECT_EQ(checkpoint.config.condition.type, ConditionType::kDownscale);
  EXPECT_EQ(checkpoint.config.model.condition_channels, 3);
  config.condition.factor = 2;
  Trainer other = make_trainer(config);
  EXPECT_NE(message_of([&] {
              other.restore(checkpoint);
            }).find("cannot continue with another model: /condition/factor"),
            std::string::npos);
}

TEST(ConditionTraining, MeasuresAndDrawsWithHeldOutConditions) {
  for (const ConditionType type :
       {ConditionType::kDownscale, ConditionType::kGrey, ConditionType::kMask}) {
    Config config = images_of(type);
    config.sample.grid = 15;
    config.sample.steps = 2;
    Trainer trainer = make_trainer(config);
    const auto held_out = make_dataset(config.data, Split::kHeldOut, config.seed);
    EXPECT_GT(trainer.evaluate(*held_out).mean, 0);
    const SampleGrid grid = draw_sample_grid(trainer, *held_out, [] { return false; });
    EXPECT_EQ(grid.conditions.sizes(), at::IntArrayRef({2, 3, 8, 8}));
    EXPECT_EQ(grid.x.sizes(), at::IntArrayRef({14, 3, 8, 8}));
    const Image picture = picture_of(grid, trainer.config());
    EXPECT_NEAR(static_cast<double>(picture.width) / static_cast<double>(picture.height), 4, 0.2);
  }
}

TEST(ConditionTraining, GuidanceDropsWhatTrainingDropped) {
  for (const double label_dropout : {0.0, 0.1})
    for (const double dropout : {0.0, 0.1}) {
      Config config = images_of(ConditionType::kGrey);
      config.model.class_conditional = true;
      config.train.label_dropout = label_dropout;
      config.condition.dropout = dropout;
      const Trainer trainer = make_trainer(config);
      const GenerateOptions options = trainer.model().options(trainer.config().sample);
      EXPECT_EQ(options.drops_labels, label_dropout > 0 || dropout == 0);
      EXPECT_EQ(options.drops_condition, dropout > 0);
    }
}

TEST(ConditionTraining, AGuideReadsTheConditionInTheSameUnits) {
  Config config = images_of(ConditionType::kGrey);
  config.condition.noise = 0.3;
  const fs::path file = scratch("guide") / "guide.pt";
  write_checkpoint_file(file, make_trainer(config).checkpoint());
  config.condition.dropout = 0;
  EXPECT_NE(load_guide(file, make_trainer(config).model()), nullptr);
  config.condition.noise = 0.5;
  const std::string refusal = message_of([&] { load_guide(file, make_trainer(config).model()); });
  EXPECT_NE(refusal.find("/condition/noise is 0.3 there and 0.5 here"), std::string::npos)
      << refusal;
}

// Points x = A v + 0.3 z with v, z ~ N(0, I), A = ((1, 0.5), (0, -1)).
class LinearGaussian : public FixedItems {
 public:
  explicit LinearGaussian(int64_t n) : LinearGaussian(normals(n, 0), normals(n, 1)) {}
  at::Tensor condition(std::span<const int64_t> indices) const override {
    return vectors_.gather(indices);
  }
  std::vector<int64_t> condition_shape() const override { return {2}; }

  static at::Tensor mean_of(const at::Tensor& v) {
    return v.matmul(at::tensor({1.0f, 0.0f, 0.5f, -1.0f}).view({2, 2}));
  }

 private:
  LinearGaussian(const at::Tensor& v, const at::Tensor& z)
      : FixedItems(mean_of(v) + 0.3 * z), vectors_(v) {}
  static at::Tensor normals(int64_t n, uint32_t step) {
    return normal_rows(consecutive_keys(9, 0, n), Purpose::kDataset, step, {2});
  }
  FixedItems vectors_;
};

Config linear_config() {
  return parse_config(R"({
    "data": {"type": "array", "path": "none"}, "condition": {"type": "vector", "path": "none"},
    "model": {"type": "mlp", "hidden": 64, "layers": 2},
    "diffusion": {"timesteps": 100, "beta_end": 0.15, "variance": "fixed_small"},
    "train": {"steps": 2000, "batch_size": 256, "learning_rate": 0.004, "warmup_steps": 20,
              "learning_rate_schedule": "cosine"},
    "sample": {"sampler": "ddim"}})",
                      "test");
}

// The conditional distribution is N(A v, 0.09 I): for two vectors far apart.
TEST(ConditionTraining, LearnsALinearGaussian) {
  Trainer trainer(linear_config(), std::make_shared<LinearGaussian>(20'000), at::kCPU);
  while (trainer.step() < 2000) trainer.update();
  const Model model = trainer.model();
  for (const float sign : {1.0f, -1.0f}) {
    const at::Tensor v = at::tensor({1.0f, 0.5f}) * sign;
    GenerateOptions options = model.options(trainer.config().sample);
    options.condition =
        stored_condition(trainer.config().condition, v.unsqueeze(0).expand({1000, 2}));
    const at::Tensor x = model.sample(consecutive_keys(1, 0, 1000), options);
    const at::Tensor expected = LinearGaussian::mean_of(v.unsqueeze(0))[0];
    EXPECT_TRUE(at::allclose(x.mean(0), expected, 0, 0.15)) << x.mean(0) << expected;
    EXPECT_TRUE(at::allclose(x.std(0), at::full({2}, 0.3), 0.3)) << x.std(0);
  }
}

}  // namespace
}  // namespace diffuse
