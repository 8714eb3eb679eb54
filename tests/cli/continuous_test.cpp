// Processes of continuous time from training to likelihood, by the program.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "src/arrays/array_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

Outcome run(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--device", "cpu"});
  return run_program(arguments);
}

// N(0, 1/4) in the plane, with its exact network.
fs::path oracle(const std::string& process) {
  const fs::path file = scratch("continuous_oracle") / (process + ".json");
  write_file(file, R"({"data": {"type": "gaussian", "variance": 0.25},
                       "model": {"type": "gaussian_oracle", "variance": 0.25},
                       "diffusion": {"process": ")" +
                       process + R"(", "prediction": "edm"},
                       "sample": {"sampler": "heun", "steps": 40, "clip_x0": false}})");
  return file;
}

TEST(Continuous, SamplesOfTheOraclesHaveTheVarianceOfTheData) {
  for (const char* const process : {"vp", "subvp", "ve", "edm", "flow"})
    for (const char* const sampler : {"heun", "dpmpp2m-sde"}) {
      const fs::path out = scratch("continuous_samples") / "x.npy";
      const Outcome o = run({"sample", "--ckpt", oracle(process), "-n", "2000", "-o", out,
                             "--sampler", sampler, "--spacing", "karras", "--steps", "60"});
      ASSERT_EQ(o.exit_code, 0) << o.err;
      EXPECT_NEAR(read_npy(out).square().mean().item<double>(), 0.25, 0.025) << process << sampler;
    }
}

TEST(Continuous, OdeBitsOfTheOraclesAreTheEntropyOfTheData) {
  // 1/2 log2(2 pi e / 4)
  const double entropy = 0.5 * std::log2(2 * 3.14159265358979 * 2.71828182845905 / 4);
  for (const char* const process : {"vp", "subvp", "ve", "edm", "flow"}) {
    const Outcome o = run({"eval", "--ckpt", oracle(process), "--metrics", "ode-bpd", "--items",
                           "128", "--json", "-"});
    ASSERT_EQ(o.exit_code, 0) << o.err;
    const auto bits = nlohmann::json::parse(o.out)["ode-bpd"];
    EXPECT_NEAR(bits["mean"].get<double>(), entropy, 5 * bits["stderr"].get<double>() + 0.01)
        << process;
  }
}

TEST(Continuous, PresetsTrainResumeAndSample) {
  for (const char* const preset : {"swiss_roll_flow", "swiss_roll_edm"}) {
    const fs::path folder = scratch(std::string("continuous_") + preset);
    const std::string config = std::string("configs/") + preset + ".json";
    const std::vector<std::string> small{"--set", "train.batch_size=32", "--set", "data.count=200",
                                         "--set", "train.eval_every=2"};
    const auto train = [&](const std::string& steps, bool resume) {
      std::vector<std::string> arguments{
          "train", "--config", config, "--out", folder, "--set", "train.steps=" + steps};
      arguments.insert(arguments.end(), small.begin(), small.end());
      if (resume) arguments.push_back("--resume");
      return run(arguments);
    };
    ASSERT_EQ(train("4", false).exit_code, 0);
    const Outcome o = train("6", true);
    ASSERT_EQ(o.exit_code, 0) << o.err;
    const fs::path out = folder / "x.npy";
    const Outcome sampled = run({"sample", "--ckpt", folder, "-n", "5", "-o", out, "--steps", "4"});
    ASSERT_EQ(sampled.exit_code, 0) << sampled.err;
    EXPECT_TRUE(at::isfinite(read_npy(out)).all().item<bool>());
  }
}

TEST(Continuous, WhatWantsAChainIsRefusedByName) {
  const fs::path model = oracle("flow");
  const auto refused = [&](std::vector<std::string> arguments, const std::string& text) {
    arguments.insert(arguments.begin() + 1, {"--ckpt", model});
    const Outcome o = run(arguments);
    EXPECT_EQ(o.exit_code, 2) << arguments[0];
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
  };
  const fs::path out = scratch("continuous_refused") / "x.npy";
  refused({"sample", "-n", "2", "-o", out, "--sampler", "ddpm"},
          "use ancestral, its counterpart, or heun");
  refused({"sample", "-n", "2", "-o", out, "--spacing", "leading"},
          "use trailing, uniform or karras");
  refused({"eval", "--metrics", "bpd"}, "use a model with the process ddpm");
}

}  // namespace
}  // namespace diffuse::testing_cli
