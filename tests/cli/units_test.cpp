// What works in the data's own units where data.normalize is on, and what is refused.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "diffuse/arrays/array_file.h"
#include "tests/cli/oracle_models.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// N((100, -40), (5, 2)^2), of which a normalised model is N(0, I).
const fs::path& files() {
  static const fs::path folder = [] {
    const fs::path made = scratch("units");
    at::manual_seed(1);
    write_npy(made / "data.npy",
              at::randn({2000, 2}) * at::tensor({5.0f, 2.0f}) + at::tensor({100.0f, -40.0f}));
    write_file(made / "model.json",
               R"({"model": {"type": "gaussian_oracle", "variance": 1},
                   "data": {"type": "array", "path": ")" +
                   (made / "data.npy").string() + R"(", "normalize": true},
                   "diffusion": {"timesteps": 200, "beta_end": 0.1}, "sample": {"clip_x0": false}})");
    write_npy(made / "x.npy", at::tensor({101.0f, -41.0f}).view({1, 2}));
    write_npy(made / "noise.npy", at::zeros({3, 2}));
    return made;
  }();
  return folder;
}

Outcome run(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--device", "cpu"});
  return run_in(files(), arguments);
}

TEST(NormalisedUnits, SamplesAreOfTheData) {
  ASSERT_EQ(run({"sample", "--ckpt", "@model.json", "-n", "1000", "-o", "@s.npy"}).exit_code, 0);
  const at::Tensor x = read_npy(files() / "s.npy");
  EXPECT_NEAR(x.select(1, 0).mean().item<double>(), 100, 0.6);
  EXPECT_NEAR(x.select(1, 1).mean().item<double>(), -40, 0.3);
  EXPECT_NEAR(x.select(1, 0).std().item<double>(), 5, 0.5);
}

// The image of x_T = 0 is the mean.
TEST(NormalisedUnits, NoiseIsNotOfTheData) {
  ASSERT_EQ(run({"sample", "--ckpt", "@model.json", "--noise", "@noise.npy", "--sampler", "ddim",
                 "-o", "@s.npy"})
                .exit_code,
            0);
  const at::Tensor x = read_npy(files() / "s.npy");
  EXPECT_LT((x - at::tensor({100.0f, -40.0f})).abs().max().item<double>(), 0.5);
}

TEST(NormalisedUnits, AreRefusedWhereTheyWouldHaveToBeConverted) {
  const std::string says = "model.json has data.normalize = true";
  const std::vector<std::string> ckpt{"--ckpt", "@model.json"};
  for (std::vector<std::string> command :
       {std::vector<std::string>{"denoise", "--image", "@x.npy", "--sigma", "0.3", "-o", "@o.npy"},
        {"interpolate", "--from", "@x.npy", "--to", "@x.npy", "-o", "@o.npy"},
        {"inpaint", "--image", "@x.npy", "--mask", "@x.npy", "-o", "@o.npy"},
        {"encode", "--image", "@x.npy", "-o", "@o.npy"},
        {"sample", "--from", "@x.npy", "-o", "@o.npy"},
        {"eval"},
        {"eval", "--metrics", "rd"},
        {"eval", "--metrics", "swd,ode-bpd"},
        {"eval", "--metrics", "neighbours"},
        {"bench", "samplers"}}) {
    command.insert(command.end(), ckpt.begin(), ckpt.end());
    expect_refused(run(command), says);
    EXPECT_FALSE(fs::exists(files() / "o.npy"));
  }
  expect_refused(run({"forward", "--config", "@model.json", "-o", "@o.npy"}), says);
}

TEST(NormalisedUnits, OfARangeAreRefusedToo) {
  write_npy(files() / "unit.npy", at::rand({40, 1, 8, 8}));
  write_file(files() / "unit.json", R"({"model": {"type": "gaussian_oracle", "variance": 0.3},
      "data": {"type": "array", "path": ")" +
                                        (files() / "unit.npy").string() +
                                        R"(", "range": [0, 1]}, "diffusion": {"timesteps": 20,
      "beta_end": 0.5}})");
  expect_refused(run({"eval", "--ckpt", "@unit.json", "--metrics", "fid", "-n", "4", "-q"}),
                 "of images from -1 to 1; those of");
  expect_refused(run({"eval", "--ckpt", "@unit.json", "--metrics", "bpd"}), "has data.range");
}

// Samples that the program wrote, the model's own and the data compare in one unit: all are near.
TEST(NormalisedUnits, SamplesAreComparedWithTheDataInTheDatasOwn) {
  ASSERT_EQ(run({"sample", "--ckpt", "@model.json", "-n", "1000", "-o", "@s.npy"}).exit_code, 0);
  for (const std::vector<std::string>& of :
       {std::vector<std::string>{"-n", "1000"}, {"--samples", "@s.npy"}}) {
    std::vector<std::string> all{"eval",   "--ckpt", "@model.json", "--metrics", "swd",
                                 "--json", "-"};
    all.insert(all.end(), of.begin(), of.end());
    const Outcome o = run(all);
    ASSERT_EQ(o.exit_code, 0) << o.err;
    EXPECT_LT(nlohmann::json::parse(o.out)["swd"].get<double>(), 0.5);
  }
}

}  // namespace
}  // namespace diffuse::testing_cli
