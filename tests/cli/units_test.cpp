// Every command in the data's own units where data.normalize is on, against closed forms: the model's
// data are N((100, -40), (5, 2)^2), of which a normalised model is N(0, I).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "src/arrays/array_file.h"
#include "tests/cli/oracle_models.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

const fs::path& unit_files() {
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

Outcome run_units(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--device", "cpu"});
  return run_in(unit_files(), arguments);
}

TEST(NormalisedUnits, SamplesAreOfTheData) {
  ASSERT_EQ(run_units({"sample", "--ckpt", "@model.json", "-n", "1000", "-o", "@s.npy"}).exit_code,
            0);
  const at::Tensor x = read_npy(unit_files() / "s.npy");
  EXPECT_NEAR(x.select(1, 0).mean().item<double>(), 100, 0.6);
  EXPECT_NEAR(x.select(1, 1).mean().item<double>(), -40, 0.3);
  EXPECT_NEAR(x.select(1, 0).std().item<double>(), 5, 0.5);
}

// The image of x_T = 0 is the mean.
TEST(NormalisedUnits, NoiseIsNotOfTheData) {
  ASSERT_EQ(run_units({"sample", "--ckpt", "@model.json", "--noise", "@noise.npy", "--sampler",
                       "ddim", "-o", "@s.npy"})
                .exit_code,
            0);
  const at::Tensor x = read_npy(unit_files() / "s.npy");
  EXPECT_LT((x - at::tensor({100.0f, -40.0f})).abs().max().item<double>(), 0.5);
}

// What a command writes with -o @o.npy.
at::Tensor result_of(std::vector<std::string> command) {
  command.insert(command.end(), {"--ckpt", "@model.json", "-o", "@o.npy", "-q"});
  const Outcome o = run_units(command);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return read_npy(unit_files() / "o.npy");
}

nlohmann::json figures_of(std::vector<std::string> command) {
  command.insert(command.end(), {"--ckpt", "@model.json", "--json", "-", "-q"});
  const Outcome o = run_units(command);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return nlohmann::json::parse(o.out);
}

void expect_near(const at::Tensor& x, double first, double second, double tolerance) {
  EXPECT_NEAR(x[0].item<double>(), first, tolerance);
  EXPECT_NEAR(x[1].item<double>(), second, tolerance / 2);
}

// mean + (y - mean) / (1 + sigma^2), sigma counted in standard deviations as these differ. The moments
// are those of 2,000 points.
TEST(NormalisedUnits, DenoisingAtOnceIsTheWienerFilter) {
  expect_near(result_of({"denoise", "--image", "@x.npy", "--sigma", "0.5"})[0], 100.8, -40.8, 0.1);
}

TEST(NormalisedUnits, ReverseDenoisingOfLittleNoiseStaysNear) {
  const at::Tensor x =
      result_of({"denoise", "--image", "@x.npy", "--sigma", "0.1", "--mode", "reverse"});
  expect_near(x[0], 101, -41, 2);
}

TEST(NormalisedUnits, InterpolationEndsWhereItBegan) {
  const at::Tensor x = result_of(
      {"interpolate", "--from", "@x.npy", "--to", "@x.npy", "--steps", "3", "--depth", "2,0"});
  for (int64_t i = 0; i < 6; ++i) expect_near(x[i], 101, -41, 2);
}

TEST(NormalisedUnits, InpaintingKeepsWhatIsKnownBitForBit) {
  write_npy(unit_files() / "mask.npy", at::tensor({1.0f, 0.0f}).view({1, 2}));
  const at::Tensor x =
      result_of({"inpaint", "--image", "@x.npy", "--mask", "@mask.npy", "-n", "500"});
  EXPECT_TRUE(x.select(1, 1).eq(-41).all().item<bool>());
  EXPECT_NEAR(x.select(1, 0).mean().item<double>(), 100, 0.8);
  EXPECT_NEAR(x.select(1, 0).std().item<double>(), 5, 0.6);
}

// x_T is noise: (x - mean) / std of the data, as the model is exact. Decoded it is the sample again.
TEST(NormalisedUnits, EncodingGivesNoiseThatDecodesToTheSample) {
  const at::Tensor x_T = result_of({"encode", "--image", "@x.npy", "--passes", "3"});
  expect_near(x_T[0], 0.2, -0.5, 0.1);
  write_npy(unit_files() / "x_T.npy", x_T);
  const at::Tensor x =
      result_of({"sample", "--noise", "@x_T.npy", "--sampler", "ddim", "--no-clip"});
  expect_near(x[0], 101, -41, 0.1);
}

TEST(NormalisedUnits, SamplesFromAPointStayNearIt) {
  const at::Tensor x = result_of({"sample", "--from", "@x.npy", "--strength", "0.05", "-n", "200"});
  expect_near(x.mean(0), 101, -41, 0.6);
  EXPECT_LT(x.select(1, 0).std().item<double>(), 3);
}

// The entropy of a normal variable is log2(std sqrt(2 pi e)) bits: 4.369 and 3.047, 3.708 a dimension.
TEST(NormalisedUnits, BitsPerDimensionAreTheDatas) {
  const auto figures =
      figures_of({"eval", "--metrics", "bpd,ode-bpd", "--split", "train", "--items", "1000"});
  EXPECT_NEAR(figures["ode-bpd"]["mean"].get<double>(), 3.708, 0.1);
  // The bound is above it by what the steps of the chain cost.
  EXPECT_GT(figures["bpd"]["total"]["mean"].get<double>(), 3.7);
  EXPECT_LT(figures["bpd"]["total"]["mean"].get<double>(), 4.3);
}

// Where x_T is all that is known the expected sample is the mean: the error is the data's variance.
TEST(NormalisedUnits, DistortionIsTheDatas) {
  const auto rows =
      figures_of({"eval", "--metrics", "rd", "--split", "train", "--items", "1000"})["rd"];
  EXPECT_NEAR(rows.back()["rmse"].get<double>(), std::sqrt((25 + 4) / 2.0), 0.3);
}

// 2,000 points in the area that holds them: neighbours are some tenths apart, not thousandths.
TEST(NormalisedUnits, NeighboursAreTheDatas) {
  const auto found = figures_of({"eval", "--metrics", "neighbours", "--neighbour-samples", "50"});
  const double nearest = found["neighbours"]["nearest"]["mean"].get<double>();
  EXPECT_GT(nearest, 0.03);
  EXPECT_LT(nearest, 0.6);
}

// x_0 of one step of ddim from x_T is sqrt(alpha_bar) x_T, that of many is x_T: in the data's units an
// error of up to (1 - sqrt(alpha_bar)) |std|, in the network's a fourth of it.
TEST(NormalisedUnits, ErrorsOfSamplersAreTheDatas) {
  const auto table = figures_of({"bench", "samplers", "--samplers", "ddim", "--steps", "1"});
  EXPECT_GT(table["results"][0]["rmse"].get<double>(), 1.5);
}

TEST(NormalisedUnits, TheForwardProcessBeginsWithTheData) {
  const Outcome o =
      run_units({"forward", "--config", "@model.json", "-o", "@o.npy", "--frames", "2"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const at::Tensor frames = read_npy(unit_files() / "o.npy"),
                   data = read_npy(unit_files() / "data.npy");
  const at::Tensor nearest = std::get<0>(at::cdist(frames[0], data).min(1));
  EXPECT_LT(nearest.max().item<double>(), 0.2);  // the rounding of float32 distances
}

// One scale for all channels: sigma is in it. mean + (y - mean) v / (v + sigma^2), v the variance.
TEST(RangeUnits, SigmaIsInTheUnitsOfTheData) {
  write_file(unit_files() / "range.json",
             R"({"model": {"type": "gaussian_oracle", "variance": 0.25},
      "data": {"type": "array", "path": ")" +
                 (unit_files() / "data.npy").string() + R"(", "range": [0, 200]},
      "diffusion": {"timesteps": 1000}, "sample": {"clip_x0": false}})");
  const Outcome o = run_units(
      {"denoise", "--ckpt", "@range.json", "--image", "@x.npy", "--sigma", "50", "-o", "@o.npy"});
  ASSERT_EQ(o.exit_code, 0) << o.err;  // the variance is 50^2
  const at::Tensor x = read_npy(unit_files() / "o.npy")[0];
  EXPECT_NEAR(x[0].item<double>(), 100.5, 0.1);
  EXPECT_NEAR(x[1].item<double>(), 29.5, 0.5);
}

TEST(RangeUnits, PicturesAreReadAndShownInThem) {
  write_npy(unit_files() / "unit.npy", at::rand({40, 1, 8, 8}));
  write_file(unit_files() / "unit.json", R"({"model": {"type": "gaussian_oracle", "variance": 0.3},
      "data": {"type": "array", "path": ")" + (unit_files() / "unit.npy").string() +
                                             R"(", "range": [0, 1]}, "diffusion": {"timesteps": 20,
      "beta_end": 0.5}})");
  write_npy(unit_files() / "white.npy", at::full({1, 8, 8}, 255, at::kByte));
  write_npy(unit_files() / "mask8.npy",
            at::zeros({8, 8}).index_fill(0, at::tensor({3, 4}, at::kLong), 1));
  const Outcome o = run_units({"inpaint", "--ckpt", "@unit.json", "--image", "@white.npy", "--mask",
                               "@mask8.npy", "-o", "@o.npy"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const at::Tensor x = read_npy(unit_files() / "o.npy")[0][0];
  EXPECT_TRUE(x.slice(0, 0, 3).eq(1).all().item<bool>());  // white is 1 there
  expect_refused(run_units({"inpaint", "--ckpt", "@unit.json", "--image", "@unit.npy", "--mask",
                            "@mask8.npy", "-o", "@o.npy"}),
                 "expected one sample, got 40");
  write_npy(unit_files() / "wide.npy", at::full({1, 8, 8}, 7.0f));
  expect_refused(run_units({"inpaint", "--ckpt", "@unit.json", "--image", "@wide.npy", "--mask",
                            "@mask8.npy", "-o", "@o.npy"}),
                 "numbers from 7 to 7; expected 0 (black) to 1 (white)");
  expect_refused(run_units({"eval", "--ckpt", "@unit.json", "--metrics", "fid", "-n", "4", "-q"}),
                 "expected images from -1 to 1; those of");
}

// Samples that the program wrote, the model's own and the data compare in one unit: all are near.
TEST(NormalisedUnits, SamplesAreComparedWithTheDataInTheDatasOwn) {
  ASSERT_EQ(run_units({"sample", "--ckpt", "@model.json", "-n", "1000", "-o", "@s.npy"}).exit_code,
            0);
  for (const std::vector<std::string>& of :
       {std::vector<std::string>{"-n", "1000"}, {"--samples", "@s.npy"}}) {
    std::vector<std::string> all{"eval",   "--ckpt", "@model.json", "--metrics", "swd",
                                 "--json", "-"};
    all.insert(all.end(), of.begin(), of.end());
    const Outcome o = run_units(all);
    ASSERT_EQ(o.exit_code, 0) << o.err;
    EXPECT_LT(nlohmann::json::parse(o.out)["swd"].get<double>(), 0.5);
  }
}

}  // namespace
}  // namespace diffuse::testing_cli
