#include "src/train/step_graphs.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/arrays/checkpoint_file.h"
#include "tests/distributed/worlds.h"
#include "tests/fake_graph.h"
#include "tests/test_folder.h"
#include "tests/train/small_training.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

// The bytes of a training's checkpoint after some updates, and its report.
struct TrainedByGraphs {
  std::string bytes;
  TrainReport report;
};

TrainedByGraphs trained(const Config& config, FakeGraphs& fake, int updates = 9) {
  const StepGraphScope scope(fake.maker());
  Trainer trainer = make_trainer(config);
  for (int i = 0; i < updates; ++i) trainer.update();
  const fs::path file = scratch("graphs") / "model.pt";
  TrainedByGraphs result{.bytes = {}, .report = trainer.report()};
  write_checkpoint_file(file, trainer.checkpoint());
  result.bytes = contents(file);
  return result;
}

// Kinds of training that a recorded pass must repeat with the next batch's numbers.
std::vector<std::pair<std::string, Config>> kinds() {
  std::vector<std::pair<std::string, Config>> all{{"plain", small_training()}};
  const auto add = [&](const char* name, const auto& change) {
    Config config = small_training();
    change(config);
    all.emplace_back(name, config);
  };
  add("whole batch", [](Config& c) { c.train.micro_batch = 0; });
  add("self-conditioned", [](Config& c) { c.model.self_conditioning = true; });
  add("learned variance", [](Config& c) {
    c.diffusion.variance = VarianceKind::kLearnedRange;
    c.diffusion.loss = LossKind::kHybrid;
  });
  add("min-snr", [](Config& c) { c.diffusion.loss = LossKind::kMinSnr; });
  add("label dropout", [](Config& c) { c.train.label_dropout = 0.5; });
  add("continuous time", [](Config& c) {
    c.diffusion.process = ProcessKind::kEdm;
    c.diffusion.prediction = PredictionKind::kEdm;
    c.diffusion.timestep_sampler = TimestepLaw::kLogNormal;
  });
  return all;
}

TEST(StepGraphs, ReplaysGiveTheBytesOfSingleKernels) {
  for (const auto& [name, config] : kinds()) {
    FakeGraphs recorded, refused{.fails = true};
    const TrainedByGraphs graphs = trained(config, recorded), eager = trained(config, refused);
    EXPECT_GT(recorded.replays, 0) << name;
    EXPECT_EQ(refused.replays, 0) << name;
    EXPECT_EQ(graphs.bytes, eager.bytes) << name;
    EXPECT_EQ(graphs.report.loss, eager.report.loss) << name;
    EXPECT_EQ(graphs.report.gradient_norm, eager.report.gradient_norm) << name;
  }
}

// After four updates: one pass and one update are recorded, and both replayed in five updates.
TEST(StepGraphs, RecordOneKindOfPass) {
  Config config = small_training();
  config.train.micro_batch = 0;
  FakeGraphs fake;
  trained(config, fake, 9);
  EXPECT_EQ(fake.records, 2);
  EXPECT_EQ(fake.replays, 10);
}

// The flat buffers of a recorded training are another order of sums than tensors one by one.
TEST(StepGraphs, TrainLikeSeparateTensors) {
  const Config config = small_training();
  FakeGraphs fake;
  const TrainedByGraphs graphs = trained(config, fake);
  Trainer plain = make_trainer(config);
  for (int i = 0; i < 9; ++i) plain.update();
  const TrainReport report = plain.report();
  EXPECT_NEAR(graphs.report.loss, report.loss, 1e-4);
  EXPECT_NEAR(graphs.report.gradient_norm, report.gradient_norm, 1e-3 * report.gradient_norm);
}

TEST(StepGraphs, ResumeRepeatsTheRunByteForByte) {
  const Config config = small_training();
  FakeGraphs fake;
  const TrainedByGraphs straight = trained(config, fake);
  const StepGraphScope scope(fake.maker());
  const fs::path folder = scratch("resumed");
  Trainer first = make_trainer(config);
  for (int i = 0; i < 6; ++i) first.update();
  write_checkpoint_file(folder / "part.pt", first.checkpoint());
  Trainer second = make_trainer(config);
  second.restore(load_checkpoint(folder / "part.pt"));
  for (int i = 0; i < 3; ++i) second.update();
  write_checkpoint_file(folder / "model.pt", second.checkpoint());
  EXPECT_EQ(contents(folder / "model.pt"), straight.bytes);
}

// Each process's part of the gradients is summed between its graphs.
TEST(StepGraphs, OfTwoProcessesTrainLikeOne) {
  Config config = small_training();
  FakeGraphs one, two;
  const double alone = trained(config, one).report.loss;
  for (const bool compress : {false, true}) {
    config.train.compress_gradients = compress;
    const StepGraphScope scope(two.maker());
    const auto thrown = testing_distributed::run_worlds(2, [&](World& world) {
      Trainer trainer =
          make_trainer(config, std::shared_ptr<World>(std::shared_ptr<World>(), &world));
      for (int i = 0; i < 9; ++i) trainer.update();
      EXPECT_NEAR(trainer.report().loss, alone, compress ? 1e-2 : 1e-4);
    });
    for (const std::string& what : thrown) EXPECT_EQ(what, "");
  }
  EXPECT_GT(two.replays, one.replays);
}

// Held-out losses and samples between replays leave the weights alone.
TEST(StepGraphs, EvaluationBetweenReplaysChangesNothing) {
  const Config config = small_training();
  FakeGraphs fake;
  const TrainedByGraphs straight = trained(config, fake);
  const StepGraphScope scope(fake.maker());
  Trainer trainer = make_trainer(config);
  for (int i = 0; i < 9; ++i) {
    trainer.update();
    trainer.evaluate(*make_dataset(config.data, Split::kHeldOut, 5));
  }
  const fs::path file = scratch("evaluated") / "model.pt";
  write_checkpoint_file(file, trainer.checkpoint());
  EXPECT_EQ(contents(file), straight.bytes);
}

TEST(StepGraphs, WhatReadsTheHostGoesWithout) {
  Config config = small_training();
  config.diffusion.timestep_sampler = TimestepLaw::kImportance;
  FakeGraphs fake;
  trained(config, fake);
  EXPECT_EQ(fake.made, 0);
  World world;
  EXPECT_NE(obstacle_to_graphs(config, world).find("/diffusion/timestep_sampler importance"),
            std::string::npos);
  config = small_training();
  config.train.gradient_checkpointing = true;
  EXPECT_NE(obstacle_to_graphs(config, world).find("/train/gradient_checkpointing"),
            std::string::npos);
  EXPECT_EQ(obstacle_to_graphs(small_training(), world), "");
}

// Their state is that of the same training where nothing is recorded.
TEST(StepGraphs, WhatDoesNotLieInFlatBuffersGoesWithout) {
  Config muon = small_training(), snapshots = muon, weighting = muon, rates = muon;
  muon.train.optimizer = OptimizerKind::kMuon;
  snapshots.train.ema_snapshot_every = 2;
  weighting.diffusion.loss_weighting = LossWeighting::kLearned;
  rates.train.learning_rates = {{"conv_in", 0.5}};
  const World world;
  for (const auto& [config, path] :
       {std::pair(muon, "/train/optimizer muon"), std::pair(snapshots, "/train/ema_snapshot_every"),
        std::pair(weighting, "/diffusion/loss_weighting learned"),
        std::pair(rates, "/train/learning_rates")}) {
    EXPECT_TRUE(obstacle_to_flat_update(config).starts_with(path)) << path;
    EXPECT_EQ(obstacle_to_graphs(config, world), obstacle_to_flat_update(config));
    FakeGraphs fake;
    const TrainedByGraphs here = trained(config, fake);
    EXPECT_EQ(fake.made, 0) << path;
    Trainer plain = make_trainer(config);
    for (int i = 0; i < 9; ++i) plain.update();
    const fs::path file = scratch("graphs_not_flat") / "model.pt";
    write_checkpoint_file(file, plain.checkpoint());
    EXPECT_EQ(contents(file), here.bytes) << path;
  }
}

TEST(StepGraphs, AreOffByTheConfig) {
  Config config = small_training();
  config.train.cuda_graph = CudaGraph::kOff;
  FakeGraphs fake;
  trained(config, fake);
  EXPECT_EQ(fake.made, 0);
}

TEST(StepGraphs, FindTheFirstBadPartWithoutReplays) {
  FakeGraphs fake;
  const StepGraphScope scope(fake.maker());
  Trainer trainer = make_trainer(small_training());
  for (int i = 0; i < 6; ++i) trainer.update();
  const int replays = fake.replays;
  EXPECT_NE(trainer.first_bad_part().find("finite"), std::string::npos);
  EXPECT_EQ(fake.replays, replays);
}

}  // namespace
}  // namespace diffuse
