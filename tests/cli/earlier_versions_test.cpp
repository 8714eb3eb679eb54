// Checkpoints of version 0.1.0 sample as they did and go on training; tests/reference/version_0.1.0/make.sh made them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>

#include "src/arrays/array_file.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

const fs::path kFolder = "tests/reference/version_0.1.0";

const std::map<std::string, std::vector<std::string>> kSamplerFlags{
    {"points", {"--sampler", "ddpm"}},
    {"classes", {"--sampler", "ddim", "--steps", "8", "--guidance", "2", "--class", "all"}},
    {"learned_variance", {"--sampler", "ddpm", "--steps", "10"}},
    {"signals", {"--sampler", "dpmpp2m", "--steps", "6"}}};

class Version010 : public ::testing::TestWithParam<std::string> {
 protected:
  fs::path folder() const { return kFolder / GetParam(); }

  // The largest difference between six samples of a checkpoint and those in `expected`.
  double difference(const fs::path& checkpoint, const std::string& expected) const {
    const fs::path out = scratch("version_0.1.0") / (GetParam() + expected);
    std::vector<std::string> arguments{"sample", "--ckpt", checkpoint, "-o",       out,  "-n",
                                       "6",      "--seed", "5",        "--device", "cpu"};
    const auto& flags = kSamplerFlags.at(GetParam());
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome o = run_program(arguments);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    const at::Tensor wanted = read_npy(folder() / expected);
    return ((read_npy(out) - wanted).abs() / (1 + wanted.abs())).max().item<double>();
  }
};

TEST_P(Version010, SamplesAsItDid) {
  EXPECT_LT(difference(folder() / "model.pt", "samples.npy"), 1e-5);
}

TEST_P(Version010, GoesOnTraining) {
  const fs::path run = scratch("version_0.1.0_" + GetParam());
  const Outcome o =
      run_program({"train", "--config", folder() / "config.json", "--resume", folder() / "model.pt",
                   "--set", "train.steps=12", "--out", run, "--device", "cpu"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_LT(difference(run, "resumed.npy"), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(All, Version010,
                         ::testing::Values("points", "classes", "learned_variance", "signals"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace diffuse::testing_cli
