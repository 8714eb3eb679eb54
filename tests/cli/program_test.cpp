// The main job as a user does it: train, resume, sample.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// Trains the small points model once for all tests of this process.
const fs::path& points_run() {
  static const fs::path run = [] {
    const fs::path folder = scratch("points");
    write_file(folder / "c.json", small_points_config());
    const Outcome o = run_program(
        {"train", "--config", folder / "c.json", "--out", folder / "run", "--device", "cpu"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return folder / "run";
  }();
  return run;
}

const fs::path& image_run() {
  static const fs::path run = [] {
    const fs::path folder = scratch("images");
    write_file(folder / "c.json", small_image_config());
    const Outcome o = run_program(
        {"train", "--config", folder / "c.json", "--out", folder / "run", "--device", "cpu"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return folder / "run";
  }();
  return run;
}

at::Tensor sample(const std::vector<std::string>& flags) {
  const fs::path file = scratch("sample") / "x.npy";
  std::vector<std::string> arguments{"sample", "--device", "cpu", "-o", file};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const Outcome o = run_program(arguments);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return read_npy(file);
}

TEST(Train, LeavesEverythingInTheRunFolder) {
  for (const char* const name : {"config.json", "model.pt", "metrics.jsonl",
                                 "checkpoints/step-10.pt", "checkpoints/step-5.pt"})
    EXPECT_TRUE(fs::exists(points_run() / name)) << name;
  EXPECT_TRUE(fs::exists(image_run() / "samples/step-4.png"));
  const auto lines = contents(points_run() / "metrics.jsonl");
  EXPECT_NE(lines.find("\"train/loss\""), std::string::npos) << lines;
}

TEST(Train, RefusesAFolderThatHoldsAModel) {
  const Outcome o = run_program({"train", "--config", points_run() / "config.json", "--out",
                                 points_run(), "--device", "cpu"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("--resume"), std::string::npos) << o.err;
}

TEST(Train, ResumeWithNothingLeftToDoIsDone) {
  const Outcome o = run_program({"train", "--config", points_run() / "config.json", "--out",
                                 points_run(), "--resume", "--device", "cpu"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

TEST(Train, TimeLimitStopsWithACheckpointAndResumeEndsAsIfNothingHadHappened) {
  const fs::path folder = scratch("time_limit");
  write_file(folder / "c.json", small_points_config());
  const std::vector<std::string> train{"train", "--config", folder / "c.json", "--device", "cpu"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), train.begin(), train.end());
    return run_program(more);
  };
  EXPECT_EQ(with({"--out", folder / "a", "--time-limit", "0.000001s"}).exit_code, 75);
  EXPECT_TRUE(fs::exists(folder / "a/model.pt"));
  EXPECT_EQ(with({"--out", folder / "a", "--resume"}).exit_code, 0);
  EXPECT_EQ(with({"--out", folder / "b"}).exit_code, 0);
  EXPECT_EQ(contents(folder / "a/model.pt"), contents(folder / "b/model.pt"));
}

TEST(Train, ASignalSavesAndExits75) {
  const fs::path folder = scratch("signal");
  write_file(folder / "c.json", small_points_config());
  const pid_t child = fork();
  if (child == 0) {
    const std::string config = folder / "c.json", out = folder / "run";
    execl(program(), "diffuse", "train", "--config", config.c_str(), "--out", out.c_str(), "--set",
          "train.steps=100000000", "--device", "cpu", "-q", nullptr);
    _exit(127);
  }
  while (!fs::exists(folder / "run/model.pt")) usleep(20'000);  // it is training
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 75);
}

TEST(Train, DryRunWritesNothing) {
  const fs::path folder = scratch("dry");
  write_file(folder / "c.json", small_image_config());
  const Outcome o = run_program({"train", "--config", folder / "c.json", "--out", folder / "run",
                                 "--dry-run", "--device", "cpu"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.out.find("parameters"), std::string::npos) << o.out;
  EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST(Sample, DependsOnSeedAndIndexAndNotOnTheBatch) {
  for (const fs::path& run : {points_run(), image_run()}) {
    const at::Tensor all = sample({"--ckpt", run, "-n", "5", "--seed", "3"});
    const at::Tensor parts = sample({"--ckpt", run, "-n", "5", "--seed", "3", "--batch", "2"});
    EXPECT_TRUE(at::equal(all, parts)) << (all - parts).abs().max();
    const at::Tensor fewer = sample({"--ckpt", run, "-n", "3", "--seed", "3"});
    EXPECT_TRUE(at::equal(all.slice(0, 0, 3), fewer));
    EXPECT_FALSE(at::equal(all, sample({"--ckpt", run, "-n", "5", "--seed", "4"})));
  }
}

TEST(Sample, SeedsNameImagesOneByOne) {
  const at::Tensor three = sample({"--ckpt", points_run(), "--seeds", "7-8,3"});
  EXPECT_TRUE(
      at::equal(three.slice(0, 2, 3), sample({"--ckpt", points_run(), "-n", "1", "--seed", "3"})));
}

TEST(Sample, GivenNoiseReplacesTheDrawnOne) {
  const fs::path file = scratch("noise") / "x_T.npy";
  write_npy(file, at::zeros({2, 2}));
  const at::Tensor x =
      sample({"--ckpt", points_run(), "--noise", file, "--sampler", "ddim", "--steps", "7"});
  ASSERT_EQ(x.size(0), 2);
  EXPECT_TRUE(at::equal(x[0], x[1]));
}

TEST(Sample, WritesEveryKindOfOutput) {
  const fs::path folder = scratch("kinds");
  const auto run = [&](const std::string& out) {
    const Outcome o = run_program({"sample", "--ckpt", image_run(), "-n", "4", "-o", folder / out,
                                   "--steps", "5", "--device", "cpu"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(o.out, (folder / out).string() + "\n");
  };
  for (const char* const out : {"a.png", "a.gif", "a.npz", "a.npy", "folder"}) run(out);
  EXPECT_EQ(read_image(folder / "folder/000003.png").width, 8);
  EXPECT_GT(read_image(folder / "a.png").width, 16);
  EXPECT_NE(contents(folder / "a.png").find("\"sampler\":\"ddpm\""), std::string::npos);
  EXPECT_EQ(contents(folder / "a.gif").substr(0, 6), "GIF89a");
  EXPECT_EQ(read_npy(folder / "a.npy").sizes(), (std::vector<int64_t>{4, 3, 8, 8}));
}

TEST(Sample, TakesTheAnalyticModelFromItsConfig) {
  const fs::path file = scratch("oracle") / "oracle.json";
  write_file(file, R"({"model": {"type": "gaussian_oracle", "variance": 0.25},
                       "data": {"type": "gaussian", "variance": 0.25}})");
  const at::Tensor x = sample({"--ckpt", file, "-n", "4000", "--batch", "4000"});
  // Ancestral sampling with sigma^2 = beta ends with variance 0.250752; 8,000 draws: +-0.004.
  EXPECT_NEAR(x.var().item<double>(), 0.2508, 5 * 0.004);
}

TEST(Program, SaysItsVersionAndItsCommands) {
  const Outcome version = run_program({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_NE(version.out.find("LibTorch 2."), std::string::npos) << version.out;
  for (const char* const command : {"train", "sample", "info", "schema"}) {
    const Outcome help = run_program({command, "--help"});
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_NE(help.out.find("Usage"), std::string::npos) << help.out;
  }
}

TEST(Info, DescribesACheckpoint) {
  const Outcome o = run_program({"info", points_run()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.out.find("step: 10"), std::string::npos) << o.out;
}

}  // namespace
}  // namespace diffuse::testing_cli
