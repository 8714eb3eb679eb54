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

// sqrt(E[x^2]) of samples by a sampler and its flags.
double spread(const fs::path& model, std::vector<std::string> flags) {
  const fs::path out = scratch("continuous_spread") / "x.npy";
  std::vector<std::string> arguments{"sample", "--ckpt", model, "-n", "2000", "-o", out};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const Outcome o = run(arguments);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return read_npy(out).square().mean().sqrt().item<double>();
}

TEST(Continuous, EverySamplerDrawsTheDataOfAnOracle) {
  for (const char* const process : {"vp", "edm", "flow"})
    for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
             {"--sampler", "dopri5", "--tolerance", "1e-4"},
             {"--sampler", "rk4", "--steps", "20"},
             {"--sampler", "unipc", "--unipc-order", "3", "--steps", "80", "--spacing", "karras"},
             {"--sampler", "pc", "--steps", "150", "--spacing", "karras"},
             {"--sampler", "heun", "--spacing", "karras", "--steps", "100", "--churn", "10"}})
      EXPECT_NEAR(spread(oracle(process), flags), 0.5, 0.03) << process << " " << flags[1];
}

// Guided away from an oracle for wider data the exact one draws narrower samples; outside of the interval it
// draws as without guidance.
TEST(Continuous, AutoguidanceMovesAwayFromTheWorseModel) {
  const fs::path wide = scratch("continuous_guide") / "wide.json";
  std::string text = contents(oracle("edm"));
  for (size_t at = text.find("0.25"); at != std::string::npos; at = text.find("0.25", at))
    text.replace(at, 4, "0.50");
  write_file(wide, text);
  const fs::path flow = wide.parent_path() / "flow.json";
  write_file(flow, contents(oracle("flow")));
  const double plain = spread(oracle("edm"), {}),
               guided = spread(oracle("edm"), {"--guide", wide, "--guidance", "2"});
  EXPECT_LT(guided, 0.9 * plain);
  EXPECT_EQ(
      spread(oracle("edm"), {"--guide", wide, "--guidance", "2", "--guidance-interval", "81,99"}),
      plain);
  const auto refused = [&](std::vector<std::string> flags, const std::string& text) {
    std::vector<std::string> arguments{
        "sample", "--ckpt", oracle("edm"), "-n", "2", "-o", wide.parent_path() / "x.npy"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    expect_refused(run(arguments), text);
  };
  refused({"--guide", wide}, "--guide: expected --guidance W with it");
  refused({"--guide", flow, "--guidance", "2"}, "/diffusion/process is \"flow\" there");
  refused({"--guidance-interval", "1,2"}, "--guidance-interval: expected --guidance W with it");
  refused({"--guide", wide, "--guidance", "2", "--guidance-interval", "2,1"},
          "the lower one first");
}

// N(0, 1/4): E[x_0 | y] = y / (1 + 4 sigma^2), and samples of x_0 given y spread about it.
TEST(Continuous, DenoisesInterpolatesAndFilms) {
  for (const char* const process : {"vp", "edm", "flow"}) {
    const fs::path folder = scratch("continuous_edits"), out = folder / "out.npy";
    write_npy(folder / "y.npy", at::full({500, 2}, 0.5f));
    const std::vector<std::string> denoise{
        "denoise", "--ckpt", oracle(process), "--image", folder / "y.npy", "--sigma", "0.5",
        "-o",      out};
    ASSERT_EQ(run(denoise).exit_code, 0);
    EXPECT_NEAR(read_npy(out)[7][1].item<double>(), 0.25, 1e-4) << process;
    std::vector<std::string> reverse = denoise;
    reverse.insert(reverse.end(),
                   {"--mode", "reverse", "--sampler", "ancestral", "--steps", "200"});
    const Outcome o = run(reverse);
    ASSERT_EQ(o.exit_code, 0) << o.err;
    EXPECT_NEAR(read_npy(out).mean().item<double>(), 0.25, 0.06) << process;
    EXPECT_NEAR(read_npy(out).std().item<double>(), std::sqrt(0.125), 0.06) << process;
    write_npy(folder / "a.npy", at::tensor({0.4f, 0.0f}).view({1, 2}));
    write_npy(folder / "b.npy", at::tensor({0.0f, -0.4f}).view({1, 2}));
    ASSERT_EQ(run({"interpolate", "--ckpt", oracle(process), "--from", folder / "a.npy", "--to",
                   folder / "b.npy", "--depth", "0.1,0", "--steps", "3", "-o", out})
                  .exit_code,
              0);
    const at::Tensor between = read_npy(out);
    expect_refused(run({"interpolate", "--ckpt", oracle(process), "--from", folder / "a.npy",
                        "--to", folder / "b.npy", "--depth", "2", "-o", out}),
                   "--depth: expected fractions of the time from 0 to 1");
    ASSERT_EQ(between.sizes(), at::IntArrayRef({6, 2}));
    EXPECT_TRUE(at::allclose(between[4], at::tensor({0.2f, -0.2f})));  // depth 0: a straight line
    ASSERT_EQ(
        run({"forward", "--config", oracle(process), "--items", "500", "--frames", "3", "-o", out})
            .exit_code,
        0);
    EXPECT_EQ(read_npy(out).sizes(), at::IntArrayRef({3, 500, 2}));
  }
}

TEST(Continuous, BoundOfAnOracleIsAboveItsEntropy) {
  const double entropy = 0.5 * std::log2(2 * 3.14159265358979 * 2.71828182845905 / 4);
  const Outcome o = run({"eval", "--ckpt", oracle("flow"), "--metrics", "bpd,rd", "--items", "64",
                         "--timesteps-per-item", "100", "--json", "-"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto total = nlohmann::json::parse(o.out)["bpd"]["total"];
  EXPECT_GT(total["mean"].get<double>(), entropy - 5 * total["stderr"].get<double>());
}

TEST(Continuous, SamplesAnAverageOfAnyWidthFromSnapshots) {
  const fs::path folder = scratch("continuous_snapshots");
  ASSERT_EQ(
      run({"train", "--config", "configs/swiss_roll_edm.json", "--out", folder, "--set",
           "train.steps=6", "--set", "train.batch_size=16", "--set", "data.count=100", "--set",
           "train.ema_snapshot_every=2", "--set", "train.optimizer=muon", "--set",
           "diffusion.loss_weighting=learned", "--set", "train.learning_rate_schedule=trapezoid"})
          .exit_code,
      0);
  const auto sample = [&](const std::string& name, std::vector<std::string> flags) {
    const fs::path out = folder / name;
    std::vector<std::string> arguments{"sample", "--ckpt", folder, "-n", "4", "-o", out};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome o = run(arguments);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return read_npy(out);
  };
  const at::Tensor one = sample("one.npy", {"--ema", "0.1"}),
                   two = sample("two.npy", {"--ema", "0.2"});
  EXPECT_TRUE(at::isfinite(one).all().item<bool>());
  EXPECT_FALSE(at::equal(one, two));
  expect_refused(
      run({"sample", "--ckpt", folder, "-n", "4", "-o", folder / "x.npy", "--ema", "0.5"}),
      "--ema: expected a width");
  expect_refused(
      run({"sample", "--ckpt", oracle("edm"), "-n", "4", "-o", folder / "x.npy", "--ema", "0.1"}),
      "--ema: no snapshots");
  const Outcome o = run({"train", "--config", "configs/swiss_roll_edm.json", "--out", folder,
                         "--set", "diffusion.loss_weighting=learned", "--resume"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("cannot continue with another optimiser"), std::string::npos) << o.err;
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
  refused({"sample", "-n", "2", "-o", out, "--share-from-step", "3"}, "is continuous");
  refused({"sample", "-n", "2", "-o", out, "--sampler", "euler", "--tolerance", "0.1"},
          "--tolerance: expected the sampler dopri5, got euler");
  refused({"sample", "-n", "2", "-o", out, "--sampler", "heun", "--snr", "0.1"},
          "--snr: expected the sampler pc, got heun");
  refused({"sample", "-n", "2", "-o", out, "--unipc-order", "4"}, "in [2, 3]");
}

}  // namespace
}  // namespace diffuse::testing_cli
