// DIFFUSE_CPU_PRODUCTS chooses who multiplies, and is judged before work is spent.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "src/arrays/array_file.h"
#include "src/train/run_metrics.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace diffuse::testing_cli {
namespace {

// The program with the variable set to `engine`.
Outcome run_with(const char* engine, const std::vector<std::string>& arguments) {
  setenv("DIFFUSE_CPU_PRODUCTS", engine, 1);
  Outcome o = run_program(arguments);
  unsetenv("DIFFUSE_CPU_PRODUCTS");
  return o;
}

Outcome bench_with(const char* engine) {
  const std::filesystem::path config = scratch("cpu_products") / "points.json";
  write_file(config, small_points_config());
  return run_with(engine, {"bench", "--config", config, "--seconds", "0", "--json", "-"});
}

TEST(CpuProducts, VariableChoosesWhoMultiplies) {
  for (const char* const engine : {"libtorch", "diffuse"}) {
    const Outcome o = bench_with(engine);
    ASSERT_EQ(o.exit_code, 0) << o.err;
    EXPECT_EQ(nlohmann::json::parse(o.out).at("cpu_products"), engine);
  }
}

// Linear layers, attention and shortcuts, forward and backward.
TEST(CpuProducts, OfBothGiveTheSameTrainingAndSamplesButForRounding) {
  const std::filesystem::path folder = scratch("cpu_products_unet");
  write_file(folder / "images.json", small_image_config());
  std::vector<double> losses;
  std::vector<at::Tensor> samples;
  for (const char* const engine : {"libtorch", "diffuse"}) {
    const std::string run = folder / engine, out = run + ".npy";
    const Outcome trained =
        run_with(engine, {"train", "--config", folder / "images.json", "--out", run, "--set",
                          "train.log_every=4", "--set", "train.gradient_checkpointing=true",
                          "--set", "train.learning_rate=0.01", "--set", "train.ema_decay=0"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    losses.push_back(read_run(run).last("train/loss").value());
    const Outcome sampled =
        run_with(engine, {"sample", "--ckpt", folder / "libtorch", "-n", "3", "-o", out});
    ASSERT_EQ(sampled.exit_code, 0) << sampled.err;
    samples.push_back(read_npy(out));
  }
  EXPECT_NEAR(losses[1], losses[0], 1e-4 * losses[0]);
  EXPECT_LT((samples[1] - samples[0]).abs().max().item<double>(), 1e-4);
}

TEST(CpuProducts, AnUnknownOneIsRefusedInOneLine) {
  const Outcome o = bench_with("libtorc");
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(
      o.err.find("DIFFUSE_CPU_PRODUCTS: expected libtorch or diffuse, got \"libtorc\"; did you "
                 "mean \"libtorch\"?\n"),
      std::string::npos)
      << o.err;
}

}  // namespace
}  // namespace diffuse::testing_cli
