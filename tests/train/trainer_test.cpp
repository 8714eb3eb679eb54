#include "diffuse/train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "src/train/resume.h"
#include "src/train/run_folder.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"
#include "tests/train/small_training.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

TEST(Trainer, ResumingRepeatsTheRunByteForByte) {
  for (const TimestepLaw sampler : {TimestepLaw::kUniform, TimestepLaw::kImportance}) {
    Config config = small_training();
    config.diffusion.timestep_sampler = sampler;
    const fs::path folder = scratch("resume");
    Trainer straight = make_trainer(config);
    for (int i = 0; i < 8; ++i) straight.update();
    write_checkpoint_file(folder / "straight.pt", straight.checkpoint());

    {
      Trainer first = make_trainer(config);
      for (int i = 0; i < 3; ++i) first.update();
      write_checkpoint_file(folder / "part.pt", first.checkpoint());
    }
    Trainer second = make_trainer(config);
    second.restore(load_checkpoint(folder / "part.pt"));
    EXPECT_EQ(second.step(), 3);
    for (int i = 0; i < 5; ++i) second.update();
    write_checkpoint_file(folder / "resumed.pt", second.checkpoint());
    EXPECT_EQ(contents(folder / "straight.pt"), contents(folder / "resumed.pt")) << sampler;
  }
}

TEST(Trainer, LeavesTheLossScaleOfAnotherPrecisionAlone) {
  Config config = small_training();
  Trainer straight = make_trainer(config), first = make_trainer(config);
  for (int i = 0; i < 2; ++i) straight.update();
  first.update();
  ValueDict saved = first.checkpoint();
  for (auto& [key, value] : saved) {
    if (key != "counters") continue;
    for (auto& [name, tensor] : std::get<ValueDict>(value.data))
      if (name.starts_with("loss_scale"))
        tensor.data = at::full_like(std::get<at::Tensor>(tensor.data), 4096);
  }
  for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
    Checkpoint checkpoint = parse_checkpoint("x.pt", saved);
    checkpoint.config.train.precision = precision;
    Trainer second = make_trainer(config);
    second.restore(checkpoint);
    second.update();
    const ValueDict root = second.checkpoint();
    const auto& counters = std::get<ValueDict>(find(root, "counters")->data);
    EXPECT_EQ(std::get<at::Tensor>(find(counters, "loss_scale")->data).item<float>(), 1);
    EXPECT_EQ(std::get<at::Tensor>(find(counters, "loss_scale_growth")->data).item<int>(), 0);
    EXPECT_TRUE(at::equal(straight.network().parameters()[0], second.network().parameters()[0]));
  }
}

// Dropout is a function of the sample, so that it makes no difference either.
TEST(Trainer, GradientAccumulationIsTheWholeBatch) {
  Config config = small_training();
  Trainer parts = make_trainer(config);
  config.train.micro_batch = 0;
  Trainer whole = make_trainer(config);
  for (int i = 0; i < 2; ++i) {
    parts.update();
    whole.update();
  }
  EXPECT_NEAR(parts.report().loss, whole.report().loss, 1e-5);
}

// The near-zero last layer predicts epsilon = 0, so the first loss is E[eps^2] = 1.
TEST(Trainer, FirstLossIsOneAndThenItFalls) {
  Config config = small_training();
  config.train.batch_size = 64;
  config.train.micro_batch = 0;
  config.train.steps = 31;  // the learning rate falls to 0 at the last
  Trainer trainer = make_trainer(config);
  trainer.update();
  const double first = trainer.report().loss;
  EXPECT_NEAR(first, 1.0, 5 * std::sqrt(2.0 / (64 * 3 * 8 * 8)));
  for (int i = 0; i < 30; ++i) trainer.update();
  trainer.report();
  for (int i = 0; i < 10; ++i) trainer.update();
  EXPECT_LT(trainer.report().loss, 0.8 * first);
}

TEST(Trainer, HeldOutLossOfAnUntrainedNetworkIsOneInEveryQuarter) {
  Config config = small_training();
  config.train.eval_samples = 200;
  config.data.held_out = 200;
  Trainer trainer = make_trainer(config);
  const HeldOutLoss loss = trainer.evaluate(*make_dataset(config.data, Split::kHeldOut, 5));
  EXPECT_EQ(loss.samples, 200);
  EXPECT_NEAR(loss.mean, 1.0, 0.03);
  for (const double quarter : loss.by_quarter) EXPECT_NEAR(quarter, 1.0, 0.06);
  EXPECT_NEAR(loss.standard_error, std::sqrt(2.0 / (3 * 8 * 8) / 200), 0.003);
}

TEST(Trainer, RefusesACheckpointOfAnotherModel) {
  const fs::path file = scratch("other") / "model.pt";
  write_checkpoint_file(file, make_trainer(small_training()).checkpoint());
  Config wider = small_training();
  wider.model.channels = 16;
  const std::string message =
      message_of([&] { make_trainer(wider).restore(load_checkpoint(file)); });
  EXPECT_NE(message.find("/model/channels differs"), std::string::npos) << message;
}

TEST(Trainer, RefusesAModelWithNothingToTrain) {
  Config config = small_training();
  config.model.type = NetworkType::kGaussianOracle;
  config.data.type = DataType::kGaussian;
  EXPECT_THROW(make_trainer(config), Error);
}

TEST(Trainer, RefusesABatchThatTheMachineCannotHold) {
  Config config = small_training();
  config.train.micro_batch = 0;
  config.train.batch_size = int64_t{1} << 50;
  const std::string message = message_of([&] { make_trainer(config); });
  EXPECT_TRUE(
      message.starts_with("/train/batch_size: the data alone of a process's 1125899906842624"))
      << message;
}

TEST(LoadNetwork, SamplesWithTheAveragedWeightsOrTheRawOnes) {
  const Config config = small_training();
  Trainer trainer = make_trainer(config);
  for (int i = 0; i < 4; ++i) trainer.update();
  const fs::path file = scratch("weights") / "model.pt";
  write_checkpoint_file(file, trainer.checkpoint());
  const Checkpoint checkpoint = load_checkpoint(file);
  const auto raw = load_network(checkpoint, false)->parameters()[0];
  const auto averaged = load_network(checkpoint, true)->parameters()[0];
  EXPECT_TRUE(at::equal(raw, trainer.network().parameters()[0]));
  trainer.with_averages(
      [&] { EXPECT_TRUE(at::equal(averaged, trainer.network().parameters()[0])); });
  EXPECT_FALSE(at::equal(raw, averaged));
}

TEST(RunFolder, KeepsTheLastCheckpointsAndTheMultiples) {
  const fs::path path = scratch("keep");
  const RunFolder folder(path);
  TrainConfig config;
  config.keep_last = 2;
  config.keep_every = 20;
  for (int64_t step = 10; step <= 50; step += 10)
    folder.save(make_trainer(small_training()).checkpoint(), step, config);
  std::vector<int64_t> kept;
  for (const auto& [step, file] : numbered_checkpoints(path)) kept.push_back(step);
  EXPECT_EQ(kept, (std::vector<int64_t>{50, 40, 20}));
  EXPECT_TRUE(fs::exists(path / "model.pt"));
}

TEST(RunFolder, LeavesTheCheckpointsBeyondAStepThatARunHasGoneBackTo) {
  const fs::path path = scratch("back");
  const RunFolder folder(path);
  TrainConfig config;
  config.keep_last = 4;
  const ValueDict checkpoint = make_trainer(small_training()).checkpoint();
  const auto kept = [&] {
    std::vector<int64_t> steps;
    for (const auto& [step, file] : numbered_checkpoints(path)) steps.push_back(step);
    return steps;
  };
  for (int64_t step = 10; step <= 40; step += 10) folder.save(checkpoint, step, config);
  folder.save(checkpoint, 25, config);
  EXPECT_EQ(kept(), (std::vector<int64_t>{25, 20, 10}));
  EXPECT_TRUE(fs::exists(path / "checkpoints/step-40.pt.old"));
  config.keep_last = 0;
  folder.save(checkpoint, 15, config);
  EXPECT_EQ(kept(), (std::vector<int64_t>{10}));
}

TEST(RunFolder, HasAModelWhereThereIsANumberedCheckpoint) {
  const fs::path path = scratch("numbered");
  const RunFolder folder(path);
  EXPECT_FALSE(holds_model(path));
  folder.save(make_trainer(small_training()).checkpoint(), 10, TrainConfig{});
  fs::remove(path / "model.pt");
  EXPECT_TRUE(holds_model(path));
}

TEST(RunFolder, PassesOverADamagedCheckpoint) {
  const fs::path path = scratch("damaged");
  const RunFolder folder(path);
  TrainConfig config;
  folder.save(make_trainer(small_training()).checkpoint(), 10, config);
  folder.save(make_trainer(small_training()).checkpoint(), 20, config);
  fs::resize_file(path / "model.pt", fs::file_size(path / "model.pt") / 2);  // step-20.pt too
  EXPECT_EQ(newest_checkpoint(path), path / "checkpoints" / "step-10.pt");
}

TEST(RunFolder, ResumesFromANumberedCheckpointThatIsNewerThanTheModel) {
  const fs::path path = scratch("between");
  const RunFolder folder(path);
  Trainer trainer = make_trainer(small_training());
  trainer.update();
  folder.save(trainer.checkpoint(), 1, TrainConfig{});
  EXPECT_EQ(newest_checkpoint(path), path / "model.pt");
  trainer.update();
  write_checkpoint_file(path / "checkpoints/step-2.pt", trainer.checkpoint());  // and died
  fs::copy(path / "checkpoints/step-1.pt", path / "checkpoints/step-3-mine.pt");
  EXPECT_EQ(newest_checkpoint(path), path / "checkpoints/step-2.pt");
}

TEST(RunFolder, StartsAnewOnlyWhereThereIsNoCheckpoint) {
  const fs::path path = scratch("all_damaged");
  const RunFolder folder(path);
  EXPECT_EQ(newest_checkpoint(path), fs::path());
  TrainConfig config;
  folder.save(make_trainer(small_training()).checkpoint(), 10, config);
  fs::resize_file(path / "model.pt", 1000);  // step-10.pt too
  const std::string message = message_of([&] { newest_checkpoint(path); });
  EXPECT_EQ(message, path.string() +
                         ": contains no checkpoint to resume: model.pt, checkpoints/step-10.pt "
                         "cannot be resumed (" +
                         (path / "model.pt").string() +
                         ": not a zip archive, or truncated); name another with --resume, or move "
                         "these away");
}

// As `convert` writes it, and a state dict of another program.
TEST(RunFolder, PassesOverAModelWithoutATrainingState) {
  const fs::path path = scratch("converted");
  const RunFolder folder(path);
  const ValueDict saved = make_trainer(small_training()).checkpoint();
  folder.save(saved, 10, TrainConfig{});
  ValueDict converted = saved;
  std::erase_if(converted, [](const auto& entry) { return entry.first.starts_with("exp_avg"); });
  write_checkpoint_file(path / "model.pt", converted);
  write_checkpoint_file(path / "checkpoints/step-30.pt", {{"weight", {at::ones({2})}}});
  EXPECT_EQ(newest_checkpoint(path), path / "checkpoints/step-10.pt");
  fs::remove(path / "checkpoints/step-10.pt");
  const std::string refusal = message_of([&] { newest_checkpoint(path); });
  EXPECT_EQ(refusal, path.string() +
                         ": contains no checkpoint to resume: model.pt, checkpoints/step-30.pt "
                         "cannot be resumed (" +
                         (path / "model.pt").string() +
                         ": no \"exp_avg\", which training needs to resume); "
                         "name another with --resume, or move these away");
}

TEST(RunFolder, PassesOverNoCheckpointThatIsWhole) {
  const fs::path path = scratch("newer");
  const RunFolder folder(path);
  TrainConfig config;
  const ValueDict whole = make_trainer(small_training()).checkpoint();
  folder.save(whole, 10, config);
  const auto refused = [&](const std::string& key, const Value& value) {
    ValueDict other = whole;
    for (auto& [name, old] : other)
      if (name == key) old = value;
    folder.save(other, 20, config);
    return message_of([&] { newest_checkpoint(path); });
  };
  const std::string file = (path / "model.pt").string();
  EXPECT_EQ(refused("version", {int64_t{2}}),
            file + ": checkpoint version 2; this program reads version 1");
  EXPECT_EQ(refused("config", {std::string(R"({"sed": 1})")}).find(file + ": /sed: unknown key"),
            0);
  fs::remove(path / "model.pt");
  fs::create_directory(path / "model.pt");  // what cannot be read is not damaged either
  try {
    newest_checkpoint(path);
    FAIL() << "passed over";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(dynamic_cast<const Error*>(&error), nullptr);  // another try may do
    EXPECT_EQ(error.what(), file + ": expected a file, got a folder");
  }
}

TEST(RunFolder, RemovesWhatAKilledRunLeftUnfinished) {
  const fs::path path = scratch("unfinished");
  fs::create_directories(path / "checkpoints");
  write_file(path / "checkpoints/.step-5.pt.tmp-77-ab", "half");
  write_file(path / "checkpoints/step-4.pt", "whole");
  const RunFolder folder(path);
  EXPECT_FALSE(fs::exists(path / "checkpoints/.step-5.pt.tmp-77-ab"));
  EXPECT_TRUE(fs::exists(path / "checkpoints/step-4.pt"));
}

TEST(RunFolder, RefusesASecondRun) {
  const fs::path path = scratch("lock");
  {
    const RunFolder first(path);
    EXPECT_THROW(RunFolder second(path), Error);
  }
  const RunFolder again(path);
}

// Half of the updates give the network an x_0 of its own, so the same seed trains another model than
// zeros throughout would; and the choice is by step, so a resumed run makes it again.
TEST(Trainer, SelfConditioningResumesToo) {
  Config config = small_training();
  config.model.self_conditioning = true;
  Trainer straight = make_trainer(config);
  for (int i = 0; i < 6; ++i) straight.update();
  const fs::path folder = scratch("self_conditioning");
  write_checkpoint_file(folder / "straight.pt", straight.checkpoint());
  Trainer first = make_trainer(config);
  for (int i = 0; i < 3; ++i) first.update();
  write_checkpoint_file(folder / "part.pt", first.checkpoint());
  Trainer second = make_trainer(config);
  second.restore(load_checkpoint(folder / "part.pt"));
  for (int i = 0; i < 3; ++i) second.update();
  write_checkpoint_file(folder / "resumed.pt", second.checkpoint());
  EXPECT_EQ(contents(folder / "straight.pt"), contents(folder / "resumed.pt"));
  const at::Tensor weight = second.network().named_parameters()["conv_in.weight"];  // [8, 6, 3, 3]
  const at::Tensor moved =
      weight - make_trainer(config).network().named_parameters()["conv_in.weight"];
  EXPECT_GT(moved.narrow(1, 3, 3).abs().max().item<float>(), 0);  // the weights that x_0 meets
}

}  // namespace
}  // namespace diffuse
