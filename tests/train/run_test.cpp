#include "src/train/run.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "src/core/duration.h"
#include "src/model_file/numbered_files.h"
#include "src/model_file/snapshots.h"
#include "src/train/resume.h"
#include "tests/fixed_items.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

// Two-dimensional points 0.5, the last `bad` of which are not numbers.
class Points : public FixedItems {
 public:
  Points(int64_t size, int64_t bad)
      : FixedItems(at::cat({at::full({size - bad, 2}, 0.5), at::full({bad, 2}, NAN)})) {}
};

// Of which the file of one can no longer be read from a point on.
class Vanishing : public Points {
 public:
  explicit Vanishing(int64_t good_batches) : Points(20, 0), left_(good_batches) {}
  at::Tensor gather(std::span<const int64_t> indices) const override {
    if (left_-- <= 0) throw Error("7.png: cannot open");
    return Points::gather(indices);
  }

 private:
  mutable std::atomic<int64_t> left_;
};

Config config() {
  return parse_config(R"({"data": {"type": "swiss_roll"},
                          "model": {"type": "mlp", "hidden": 64, "layers": 2},
                          "diffusion": {"timesteps": 20},
                          "train": {"steps": 300, "batch_size": 4, "log_every": 10, "checkpoint_every": 5,
                                    "warmup_steps": 0}})",
                      "test");
}

Trainer make_trainer(int64_t bad, const Config& with = config()) {
  return Trainer(with, std::make_shared<Points>(20, bad), at::kCPU);
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

TEST(RunTraining, SavesWhatIsTrainedWhereDataCanNoLongerBeRead) {
  const TestFolder scratch;
  const RunFolder folder(scratch.path());
  Trainer trainer(config(), std::make_shared<Vanishing>(8), at::kCPU);
  EXPECT_EQ(message_of([&] { run_training(trainer, Points(4, 0), &folder, {}, kNoHooks); }),
            "7.png: cannot open");
  EXPECT_EQ(trainer.step(), 8);
  Trainer straight = make_trainer(0);
  for (int i = 0; i < 8; ++i) straight.update();
  Trainer resumed = make_trainer(0);
  resumed.restore(load_checkpoint(newest_checkpoint(scratch.path())));
  EXPECT_EQ(resumed.step(), 8);
  EXPECT_TRUE(at::equal(weight(resumed, "input.weight"), weight(straight, "input.weight")));
}

TEST(RunTraining, SavesWhatIsTrainedWhereHeldOutDataCanNoLongerBeRead) {
  const TestFolder scratch;
  const RunFolder folder(scratch.path());
  Config often = config();
  often.train.eval_every = 3;
  Trainer trainer = make_trainer(0, often);
  EXPECT_EQ(message_of([&] { run_training(trainer, Vanishing(0), &folder, {}, kNoHooks); }),
            "7.png: cannot open");
  EXPECT_EQ(load_checkpoint(newest_checkpoint(scratch.path())).step, 3);
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
    run_training(trainer, Points(4, 0), &folder, {}, kNoHooks);
    FAIL() << "trained";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("the last 50 updates up to step 55"), std::string::npos) << text;
    EXPECT_NE(text.find("the layer time_embedding.linear_1"), std::string::npos) << text;
  }
  EXPECT_EQ(contents(scratch.path() / "model.pt"), good);
  EXPECT_EQ(newest_checkpoint(scratch.path()), scratch.path() / "model.pt");
}

void sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

Config reporting_each_step() {
  Config each = config();
  each.train.log_every = 1;
  return each;
}

// After five good updates and a checkpoint, several whose gradients are not finite.
TEST(RunTraining, KeepsTheCheckpointFromBeforeWhereItStopsOrEndsAmongBadUpdates) {
  const TestFolder scratch;
  const RunFolder folder(scratch.path());
  const RunHooks slow{
      .on_report = [](const TrainReport&) { sleep(0.1); }, .on_held_out = {}, .on_samples = {}};
  for (const int64_t steps : {300, 8}) {
    Config each = reporting_each_step();
    each.train.steps = steps;
    Trainer trainer = make_trainer(0, each);
    for (int i = 0; i < 5; ++i) trainer.update();
    folder.save(trainer.checkpoint(), trainer.step(), each.train);
    const std::string good = contents(scratch.path() / "model.pt");
    fill(trainer, "time_embedding.linear_1.weight", 3e38F);
    const TimeLimit limit{.end = seconds_now() + (steps == 8 ? 60 : 0.5)};
    EXPECT_EQ(run_training(trainer, Points(4, 0), &folder, limit, slow),
              steps == 8 ? RunEnd::kFinished : RunEnd::kStopped);
    EXPECT_GE(trainer.skipped_in_row(), 2);
    EXPECT_EQ(contents(scratch.path() / "model.pt"), good);
  }
}

TEST(RunTraining, SavesAfterASingleBadUpdateWhereItStops) {
  const TestFolder scratch;
  const RunFolder folder(scratch.path());
  Trainer trainer = make_trainer(20);
  EXPECT_EQ(run_training(trainer, Points(4, 0), &folder,
                         {.end = seconds_now() - 1, .save_seconds = 0}, kNoHooks),
            RunEnd::kStopped);
  EXPECT_EQ(load_checkpoint(scratch.path()).step, 1);
}

TEST(RunTraining, FailsWhereItEndsAmongBadUpdatesWithoutACheckpoint) {
  Config each = config();
  each.train.steps = 3;
  Trainer trainer = make_trainer(20, each);
  EXPECT_THROW(run_training(trainer, Points(4, 0), nullptr, {}, kNoHooks), std::runtime_error);
}

TEST(RunTraining, LeavesSnapshotsOfAverages) {
  const fs::path out = scratch("run_snapshots");
  Config with = config();
  with.train.steps = 7;
  with.train.ema_snapshot_every = 3;
  with.train.ema_warmup = false;
  Trainer trainer = make_trainer(0, with);
  const RunFolder folder(out);
  fs::create_directories(out / "ema");
  write_file(out / "ema" / "step-9.pt", "of a run that went on from before");
  run_training(trainer, Points(0, 0), &folder, {}, kNoHooks);
  std::vector<int64_t> steps;
  for (const auto& [step, file] : numbered_files(out / "ema")) steps.push_back(step);
  EXPECT_EQ(steps, (std::vector<int64_t>{7, 6, 3}));
  const Checkpoint last = load_averaged(out, 0.1);
  EXPECT_EQ(last.step, 7);
  const auto network = load_network(last, /*use_ema=*/true);
  const at::Tensor kept =
      section_tensors(load_checkpoint(out), "ema_0.1", named_parameters(*network))[0];
  EXPECT_TRUE(at::allclose(network->parameters()[0], kept, 1e-4, 1e-6));
}

TEST(RunTraining, LeavesOutHeldOutLossAndSamplesWhereItStops) {
  const TestFolder scratch;
  const RunFolder folder(scratch.path());
  Config each = reporting_each_step();
  each.train.eval_every = each.train.sample_every = 1;
  Trainer trainer = make_trainer(0, each);
  int measured = 0;
  const RunHooks hooks{.on_report = [](const TrainReport&) {},
                       .on_held_out = [&](int64_t, const HeldOutLoss&) { ++measured; },
                       .on_samples = [&](Trainer&, const std::function<bool()>&) { ++measured; }};
  EXPECT_EQ(run_training(trainer, Points(4, 0), &folder,
                         {.end = seconds_now() - 1, .save_seconds = 0}, hooks),
            RunEnd::kStopped);
  EXPECT_EQ(measured, 0);
  EXPECT_EQ(trainer.step(), 1);
}

TEST(RunTraining, ReportsTheUpdatesBeforeItStops) {
  Config rare = config();
  rare.train.log_every = 1000;
  Trainer trainer = make_trainer(0, rare);
  std::vector<int64_t> reported;
  const RunHooks hooks{.on_report =
                           [&](const TrainReport& report) {
                             reported.push_back(report.step);
                             EXPECT_TRUE(std::isfinite(report.loss));
                           },
                       .on_held_out = {},
                       .on_samples = {}};
  EXPECT_EQ(run_training(trainer, Points(4, 0), nullptr,
                         {.end = seconds_now() - 1, .save_seconds = 0}, hooks),
            RunEnd::kStopped);
  EXPECT_EQ(reported, std::vector<int64_t>{1});
}

TEST(RunTraining, TellsWhoDrawsSamplesToStop) {
  Config each = config();
  each.train.sample_every = 1;
  Trainer trainer = make_trainer(0, each);
  const RunHooks endless{.on_report = [](const TrainReport&) {},
                         .on_held_out = {},
                         .on_samples =
                             [](Trainer&, const std::function<bool()>& stop) {
                               while (!stop()) sleep(0.01);
                             }};
  EXPECT_EQ(run_training(trainer, Points(4, 0), nullptr,
                         {.end = seconds_now() + 0.5, .save_seconds = 0}, endless),
            RunEnd::kStopped);
  EXPECT_EQ(trainer.step(), 1);
}

TEST(RunTraining, AllowsForAnotherUpdateAndSaveBeforeItsEnd) {
  const RunHooks slow{
      .on_report = [](const TrainReport&) { sleep(0.3); }, .on_held_out = {}, .on_samples = {}};
  Trainer trainer = make_trainer(0, reporting_each_step());
  run_training(trainer, Points(4, 0), nullptr, {.end = seconds_now() + 1, .save_seconds = 0}, slow);
  EXPECT_LE(trainer.step(), 3);
  Trainer saving = make_trainer(0);
  run_training(saving, Points(4, 0), nullptr, {.end = seconds_now() + 60, .save_seconds = 40},
               kNoHooks);
  EXPECT_EQ(saving.step(), 1);
}

}  // namespace
}  // namespace diffuse
