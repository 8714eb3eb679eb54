// Whole trainings by the GPU's kernels, run on the CPU, and recorded: all but CUDA itself.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/core/cuda/shim_launcher.h"
#include "tests/fake_graph.h"
#include "tests/train/small_training.h"

namespace diffuse {
namespace {

Config config_of(Precision precision) {
  Config config = small_training();
  config.train.precision = precision;
  return config;
}

struct Trained {
  TrainReport report;
  std::vector<at::Tensor> parameters;
  HeldOutLoss held_out;
};

Trained trained(const Config& config) {
  Trainer trainer = make_trainer(config);
  for (int i = 0; i < 7; ++i) trainer.update();
  Trained result{
      .report = trainer.report(), .parameters = trainer.network().parameters(), .held_out = {}};
  result.held_out = trainer.evaluate(*make_dataset(config.data, Split::kHeldOut, config.seed));
  return result;
}

// Noise, flips, dropout and times are the CPU's, so the losses are.
TEST(KernelTraining, GivesTheCpusLosses) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const Trained plain = trained(config_of(Precision::kFp32));
    shim::ShimLauncher launcher;
    FakeGraphs fake;
    const StepGraphScope scope(fake.maker());
    const Trained kernels = trained(config_of(precision));
    EXPECT_GT(launcher.launches, 500);
    EXPECT_LT(launcher.launches, 1000) << "gradients are added many in a launch";
    EXPECT_GT(fake.replays, 5);
    const double tolerance = precision == Precision::kFp32 ? 1e-4 : 1e-2;
    EXPECT_NEAR(kernels.report.loss, plain.report.loss, tolerance) << precision;
    EXPECT_NEAR(kernels.held_out.mean, plain.held_out.mean, tolerance) << precision;
  }
}

TEST(KernelTraining, ReplaysGiveTheBytesOfSingleKernels) {
  shim::ShimLauncher launcher;
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    FakeGraphs recorded, refused{.fails = true};
    std::vector<Trained> both;
    for (FakeGraphs* const fake : {&recorded, &refused}) {
      const StepGraphScope scope(fake->maker());
      both.push_back(trained(config_of(precision)));
    }
    for (size_t i = 0; i < both[0].parameters.size(); ++i)
      EXPECT_TRUE(at::equal(both[0].parameters[i], both[1].parameters[i])) << precision << i;
    EXPECT_EQ(both[0].report.loss, both[1].report.loss) << precision;
  }
}

}  // namespace
}  // namespace diffuse
