// The numbers that the editing commands take, and which they refuse.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/oracle_models.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

const fs::path& oracles() {
  static const fs::path folder = oracle_folder("edit_input");
  return folder;
}

// Interpolating from a sample to itself without noise gives the sample as it was read.
Outcome read(const std::string& model, const fs::path& file,
             const std::vector<std::string>& more = {}) {
  std::vector<std::string> all{"interpolate", "--ckpt",  oracles() / (model + ".json"),
                               "--from",      file,      "--to",
                               file,          "--depth", "0",
                               "--steps",     "2",       "--device",
                               "cpu",         "-o",      oracles() / "read.npy"};
  all.insert(all.end(), more.begin(), more.end());
  return run_program(all);
}

Outcome read_array(const std::string& model, const at::Tensor& x,
                   const std::vector<std::string>& more = {}) {
  write_npy(oracles() / "x.npy", x);
  return read(model, oracles() / "x.npy", more);
}

at::Tensor result(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return read_npy(oracles() / "read.npy")[0];
}

Outcome run(const std::string& command, const std::string& flag,
            const std::vector<std::string>& more = {}) {
  std::vector<std::string> all{command,
                               "--ckpt",
                               oracles() / "image.json",
                               flag,
                               oracles() / "x.npy",
                               "-o",
                               oracles() / "out.npy",
                               "--device",
                               "cpu"};
  all.insert(all.end(), more.begin(), more.end());
  return run_program(all);
}

TEST(EditInput, BytesAreImagesAndFloatsOfAnyWidthNumbers) {
  const at::Tensor bytes = at::arange(192).to(at::kByte).view({3, 8, 8});
  const at::Tensor wanted = bytes.to(at::kFloat) / 127.5 - 1;
  for (const at::Tensor& x :
       {bytes, bytes.unsqueeze(0), bytes.permute({1, 2, 0}).contiguous(), wanted,
        wanted.to(at::kDouble), wanted.permute({1, 2, 0}).contiguous()})
    EXPECT_TRUE(at::equal(result(read_array("colour", x)), wanted)) << x.scalar_type();
  const at::Tensor grey = bytes[0];
  EXPECT_TRUE(at::equal(result(read_array("image", grey))[0], wanted[0]));
  expect_refused(read_array("colour", bytes.to(at::kLong)),
                 "expected float or uint8 N x [3, 8, 8]");
  expect_refused(read_array("colour", bytes.clamp(0, 1)), "it would be black; expected 0 to 255");
}

TEST(EditInput, PointsAreNumbersOfAnyTypeAndSize) {
  EXPECT_TRUE(at::equal(result(read_array("points", at::tensor({101, -41}))),
                        at::tensor({101.0f, -41.0f})));
  EXPECT_TRUE(at::equal(result(read_array("points", at::tensor({1e6, -41.5}))),
                        at::tensor({1e6f, -41.5f})));
}

TEST(EditInput, NumbersBeyondAnImagesRangeAreRefused) {
  const at::Tensor x = at::linspace(0, 255, 64).view({1, 1, 8, 8});
  const std::string says = "numbers from 0 to 255; expected -1 (black) to 1 (white)";
  expect_refused(read_array("image", x), says);
  expect_refused(run("sample", "--from", {"-n", "2"}), says);
  expect_refused(run("encode", "--image"), says);
  expect_refused(run("denoise", "--image"), says);
  expect_refused(run("denoise", "--image", {"--sigma", "0.2"}), says);
  expect_refused(run("denoise", "--clean", {"--sigma", "0.2"}), says);
  expect_refused(run("inpaint", "--image", {"--mask", oracles() / "x.npy"}), says);
  EXPECT_EQ(read_array("image", x, {"--no-clip"}).exit_code, 0);
}

// Noise takes a noisy image's numbers beyond 1; rounding may.
TEST(EditInput, HonestNumbersAreTaken) {
  EXPECT_EQ(read_array("image", at::full({1, 8, 8}, 1.001)).exit_code, 0);
  write_npy(oracles() / "x.npy", at::linspace(-1.8, 1.8, 64).view({1, 8, 8}));
  EXPECT_EQ(run("denoise", "--image", {"--sigma", "0.3"}).exit_code, 0);
  EXPECT_EQ(run("encode", "--image").exit_code, 0);
  const Outcome positive = read_array("image", at::linspace(0, 1, 64).view({1, 8, 8}));
  EXPECT_EQ(positive.exit_code, 0);
  EXPECT_NE(positive.err.find("all numbers are from 0 to 1; black is -1"), std::string::npos);
}

TEST(EditInput, NumbersThatAreNotFiniteAreRefused) {
  at::Tensor x = at::zeros({1, 1, 8, 8});
  x[0][0][3][3] = HUGE_VAL;
  expect_refused(read_array("points", x.flatten().slice(0, 26, 28)), "not finite");
  x[0][0][3][3] = std::nan("");
  expect_refused(read_array("image", x), "x.npy: contains numbers that are not finite");
  expect_refused(run("encode", "--image"), "not finite");
  expect_refused(run("denoise", "--image", {"--sigma", "0.2"}), "not finite");
  expect_refused(run("sample", "--from"), "not finite");
  expect_refused(run("sample", "--noise"), "x.npy: sample 0 contains numbers that are not finite");
}

TEST(EditInput, NoiseMayBeOfAnySize) {
  write_npy(oracles() / "x.npy", at::full({2, 1, 8, 8}, -7.0));
  EXPECT_EQ(run("sample", "--noise").exit_code, 0);
}

TEST(EditInput, AGreyPictureOfThreeChannelsIsGrey) {
  Image image{8, 8, 3, std::vector<uint8_t>(192, 200)};
  write_png(oracles() / "x.png", image);
  EXPECT_TRUE(
      at::equal(result(read("image", oracles() / "x.png")), at::full({1, 8, 8}, 200 / 127.5f - 1)));
  image.pixels[0] = 90;
  write_png(oracles() / "x.png", image);
  expect_refused(read("image", oracles() / "x.png"), "in colour, this model makes grey");
}

}  // namespace
}  // namespace diffuse::testing_cli
