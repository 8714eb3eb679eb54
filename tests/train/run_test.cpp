#include "diffuse/train/run.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "tests/io/test_folder.h"

namespace diffuse {
namespace {

// Two-dimensional points 0.5, the last `bad` of which are not numbers.
class Points : public Dataset {
 public:
  Points(int64_t size, int64_t bad) : size_(size), bad_(bad) {}
  int64_t size() const override { return size_; }
  std::vector<int64_t> sample_shape() const override { return {2}; }
  int64_t label(int64_t) const override { return -1; }
  at::Tensor gather(std::span<const int64_t> indices) const override {
    at::Tensor x = at::full({std::ssize(indices), 2}, 0.5);
    for (int64_t i = 0; i < x.size(0); ++i)
      if (indices[i] >= size_ - bad_) x[i] = std::numeric_limits<float>::quiet_NaN();
    return x;
  }

 private:
  int64_t size_, bad_;
};

Config config() {
  return parse_config(R"({"data": {"type": "swiss_roll"},
                          "model": {"type": "mlp", "hidden": 64, "layers": 2},
                          "diffusion": {"timesteps": 20},
                          "train": {"steps": 300, "batch_size": 4, "log_every": 10, "checkpoint_every": 5,
                                    "warmup_steps": 0}})",
                      "test");
}

Trainer make_trainer(int64_t bad) {
  return Trainer(config(), std::make_shared<Points>(20, bad), at::kCPU);
}

const RunHooks kNoHooks{
    .on_report = [](const TrainReport&) {}, .on_held_out = {}, .on_samples = {}};

at::Tensor weight(Trainer& trainer, const std::string& name) {
  return trainer.network().named_parameters()[name];
}

void fill(Trainer& trainer, const std::string& name, float value) {
  const at::NoGradGuard no_grad;
  weight(trainer, name).fill_(value);
}

TEST(Trainer, LeavesOutAnUpdateWhoseGradientsAreNotFinite) {
  Trainer trainer = make_trainer(1);
  for (int epoch = 1; epoch <= 2; ++epoch) {
    int skipped = 0;
    for (int i = 0; i < 5; ++i) {
      const at::Tensor before = weight(trainer, "input.weight").clone();
      trainer.update();
      if (trainer.skipped_in_row() == 0) continue;
      EXPECT_TRUE(at::equal(before, weight(trainer, "input.weight")));
      ++skipped;
    }
    EXPECT_EQ(skipped, 1);
    const TrainReport report = trainer.report();
    EXPECT_EQ(report.skipped_lately, 1);
    EXPECT_EQ(report.skipped_steps, epoch);
    EXPECT_TRUE(std::isfinite(report.loss));
  }
}

TEST(Trainer, NamesWhereNumbersStopBeingFinite) {
  EXPECT_EQ(make_trainer(20).first_bad_part(), "the data are not finite");
  Trainer large = make_trainer(0);
  fill(large, "time_embedding.linear_1.weight", 3e38F);
  EXPECT_EQ(large.first_bad_part(),
            "the output of the layer time_embedding.linear_1 is not finite");
  Trainer broken = make_trainer(0);
  fill(broken, "output.bias", std::numeric_limits<float>::infinity());
  EXPECT_EQ(broken.first_bad_part(), "the weights output.bias are not finite");
}

TEST(RunTraining, EndsWhereNumbersStayBadAndKeepsTheCheckpointFromBefore) {
  const TestFolder scratch;
  const RunFolder folder(scratch.path());
  Trainer trainer = make_trainer(0);
  for (int i = 0; i < 5; ++i) trainer.update();
  folder.save(trainer.checkpoint(), trainer.step(), trainer.config().train);
  const std::string good = contents(scratch.path() / "model.pt");
  fill(trainer, "time_embedding.linear_1.weight", 3e38F);
  try {
    run_training(trainer, Points(4, 0), &folder, 0, kNoHooks);
    FAIL() << "trained";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("the last 50 updates up to step 55"), std::string::npos) << text;
    EXPECT_NE(text.find("the layer time_embedding.linear_1"), std::string::npos) << text;
  }
  EXPECT_EQ(contents(scratch.path() / "model.pt"), good);
  EXPECT_EQ(newest_checkpoint(scratch.path()), scratch.path() / "model.pt");
}

}  // namespace
}  // namespace diffuse
