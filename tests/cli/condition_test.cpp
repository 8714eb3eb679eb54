// Conditional models from training to samples of given conditions.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "diffuse/diffuse.h"
#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

using Arguments = std::vector<std::string>;

// A run of the small config of images with these values set, trained once.
fs::path condition_run(const std::string& name, const Arguments& values) {
  const fs::path folder = scratch(name);
  write_file(folder / "c.json", small_image_config());
  Arguments arguments{"train",    "--config", folder / "c.json", "--out", folder / "run",
                      "--device", "cpu"};
  for (const std::string& value : values) arguments.insert(arguments.end(), {"--set", value});
  const Outcome o = run_program(arguments);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return folder / "run";
}

const fs::path& downscale_run() {
  static const fs::path run =
      condition_run("downscale", {"condition.type=downscale", "condition.factor=2"});
  return run;
}

const fs::path& mask_run() {
  static const fs::path run =
      condition_run("mask", {"condition.type=mask", "condition.dropout=0.2"});
  return run;
}

Outcome sample_for(const fs::path& model, const fs::path& out, const Arguments& more) {
  Arguments arguments{"sample", "--ckpt", model, "--device", "cpu", "-o", out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments);
}

at::Tensor samples_for(const fs::path& model, const Arguments& more) {
  const fs::path out = scratch("conditioned") / "x.npy";
  const Outcome o = sample_for(model, out, more);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return read_npy(out);
}

int64_t side_of(const fs::path& model) {
  const auto facts = nlohmann::json::parse(run_program({"info", model, "--json"}).out);
  return facts["sample_shape"][1];
}

TEST(Condition, IsShownByInfo) {
  const auto facts = nlohmann::json::parse(run_program({"info", downscale_run(), "--json"}).out);
  EXPECT_EQ(facts["condition"], "downscale");
  EXPECT_EQ(facts["config"]["condition"]["factor"], 2);
  EXPECT_EQ(facts["config"]["model"]["condition_channels"], 3);
}

// The C interface gives sample i the condition i modulo their count, as the command does for -n 1.
TEST(Condition, IsTakenByTheCInterface) {
  const int64_t side = side_of(downscale_run());
  const fs::path file = scratch("by_c") / "low.npy";
  const at::Tensor low =
      at::linspace(-0.8, 0.8, 2).view({2, 1, 1, 1}).expand({2, 3, side / 2, side / 2}).contiguous();
  write_npy(file, low);
  const at::Tensor wanted = samples_for(downscale_run(), {"-n", "1", "--condition", file});
  diffuse_model* const model = diffuse_load(downscale_run().c_str(), "cpu");
  ASSERT_NE(model, nullptr) << diffuse_last_error();
  const auto draw = [&](int64_t first, int64_t n) {
    at::Tensor x = at::empty({n, 3, side, side});
    EXPECT_EQ(diffuse_sample(model, first, n, 0, nullptr, 0, x.mutable_data_ptr<float>()), 0)
        << diffuse_last_error();
    return x;
  };
  at::Tensor none = at::empty({1, 3, side, side});
  EXPECT_EQ(diffuse_sample(model, 0, 1, 0, nullptr, 0, none.mutable_data_ptr<float>()), -1);
  EXPECT_NE(std::string(diffuse_last_error()).find("no condition is given"), std::string::npos);
  EXPECT_EQ(diffuse_set_condition(model, file.c_str()), 2) << diffuse_last_error();
  EXPECT_TRUE(at::allclose(draw(0, 2), wanted, 1e-4, 1e-4));
  const std::vector<int64_t> shape = low.slice(0, 0, 1).sizes().vec();
  EXPECT_EQ(diffuse_set_condition_numbers(model, low.const_data_ptr<float>(), shape.data(), 4), 1);
  const at::Tensor both = draw(0, 2);
  EXPECT_TRUE(at::allclose(both[0], wanted[0], 1e-4, 1e-4));
  EXPECT_TRUE(at::allclose(at::avg_pool2d(both, {2, 2})[1], low[0], 0, 1 / 127.5));

  const std::vector<int64_t> wrong{1, 3, 1, 1};
  EXPECT_EQ(diffuse_set_condition_numbers(model, low.const_data_ptr<float>(), wrong.data(), 4), -1);
  EXPECT_NE(
      std::string(diffuse_last_error()).find("diffuse_set_condition_numbers numbers: expected"),
      std::string::npos)
      << diffuse_last_error();
  const fs::path picture = file.parent_path() / "wrong.png";
  write_png(picture, {.height = 1, .width = 1, .channels = 3, .pixels = {0, 0, 0}});
  EXPECT_EQ(diffuse_set_condition(model, picture.c_str()), -1);
  EXPECT_EQ(std::string(diffuse_last_error()).find("diffuse_set_condition " + picture.string()), 0)
      << diffuse_last_error();
  EXPECT_EQ(diffuse_set_condition(model, ""), -1);
  EXPECT_TRUE(at::equal(draw(0, 2), both));              // the conditions are as they were
  EXPECT_EQ(diffuse_set_condition(model, nullptr), -1);  // never trained without
  diffuse_free(model);
}

// Two conditions with three samples each, in their order; the first three samples of both seeds agree only where
// the condition does.
TEST(Condition, GivesEachItsSamplesInOrder) {
  const int64_t side = side_of(downscale_run());
  const fs::path folder = scratch("low");
  const at::Tensor low = at::cat(
      {at::full({1, 3, side / 2, side / 2}, -0.5), at::full({1, 3, side / 2, side / 2}, 0.5)});
  write_npy(folder / "both.npy", low);
  write_npy(folder / "first.npy", low[0]);
  const at::Tensor both =
      samples_for(downscale_run(), {"-n", "3", "--condition", folder / "both.npy"});
  const at::Tensor first =
      samples_for(downscale_run(), {"-n", "3", "--condition", folder / "first.npy"});
  EXPECT_EQ(both.sizes(), at::IntArrayRef({6, 3, side, side}));
  EXPECT_TRUE(at::allclose(both.slice(0, 0, 3), first, 1e-4, 1e-4));
  EXPECT_FALSE(at::allclose(both.slice(0, 3, 6), first, 1e-4, 1e-4));
  const at::Tensor means = at::avg_pool2d(both, {2, 2});  // within a grey level of the conditions
  EXPECT_TRUE(at::allclose(means, low.repeat_interleave(3, 0), 0, 1 / 127.5));
}

// A constant picture of the full size has a constant picture of the low one.
TEST(Condition, OfTheFullSizeIsScaledDownAndSaysSo) {
  const int64_t side = side_of(downscale_run());
  const fs::path folder = scratch("full");
  const auto write = [&](const char* name, int64_t size) {
    write_png(folder / name, {size, size, 3, std::vector<uint8_t>(size * size * 3, 100)});
  };
  write("full.png", side);
  write("low.png", side / 2);
  const fs::path out = folder / "x.npy";
  const Outcome o =
      sample_for(downscale_run(), out, {"-v", "-n", "2", "--condition", folder / "full.png"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.err.find("pixels are scaled down by 2 first"), std::string::npos) << o.err;
  EXPECT_TRUE(at::allclose(
      read_npy(out), samples_for(downscale_run(), {"-n", "2", "--condition", folder / "low.png"}),
      1e-3, 1e-3));
}

// Tiles with 2 pixels between: the condition and its two samples, for each of the two pictures of a folder.
TEST(Condition, StandsFirstInTheRowsOfAGrid) {
  const int64_t side = side_of(downscale_run());
  const fs::path folder = scratch("grid");
  fs::create_directories(folder / "low");
  for (const char* const name : {"1.png", "2.png"})
    write_png(folder / "low" / name,
              {side / 2, side / 2, 3, std::vector<uint8_t>(side * side / 4 * 3, 200)});
  write_file(folder / "low" / "0.heic", "");
  const Outcome o =
      sample_for(downscale_run(), folder / "grid.png", {"-n", "2", "--condition", folder / "low"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.err.find("left out HEIC pictures, not supported"), std::string::npos) << o.err;
  const Image grid = read_image(folder / "grid.png");
  EXPECT_NEAR(static_cast<double>(grid.width) / static_cast<double>(grid.height), 1.5, 0.05);
  const int64_t middle = grid.height / 4 * grid.width + grid.width / 6;
  EXPECT_NEAR(grid.pixels[middle * grid.channels], 200, 2);
}

TEST(Condition, OfAMaskStaysInTheSamples) {
  const int64_t side = side_of(mask_run());
  const fs::path folder = scratch("holes");
  at::Tensor x = at::full({3, side, side}, 0.25);
  x.narrow(1, 0, 2).fill_(NAN);
  write_npy(folder / "holes.npy", x);
  const at::Tensor found =
      samples_for(mask_run(), {"-n", "2", "--condition", folder / "holes.npy"});
  EXPECT_TRUE(at::equal(found.narrow(2, 2, side - 2), at::full({2, 3, side - 2, side}, 0.25)));
  EXPECT_TRUE(at::isfinite(found).all().item<bool>());
  const Outcome guided =
      sample_for(mask_run(), folder / "x.png",
                 {"-n", "2", "--guidance", "2", "--condition", folder / "holes.npy"});
  EXPECT_EQ(guided.exit_code, 0) << guided.err;
  EXPECT_EQ(samples_for(mask_run(), {"-n", "2"}).size(0), 2);  // trained with dropout
}

TEST(Condition, ThatDoesNotFitIsRefused) {
  const fs::path folder = scratch("bad");
  write_npy(folder / "odd.npy", at::zeros({3, 3, 3}));
  write_npy(folder / "known.npy", at::zeros({3, side_of(mask_run()), side_of(mask_run())}));
  const auto with = [&](const fs::path& model, const char* file) {
    return sample_for(model, folder / "x.npy", {"-q", "-n", "2", "--condition", folder / file});
  };
  expect_refused(with(downscale_run(), "none.png"), "none.png: does not exist");
  expect_refused(with(downscale_run(), "odd.npy"), "odd.npy: expected N x [3, ");
  expect_refused(with(mask_run(), "known.npy"), "known.npy: nothing is unknown; expected NaN");
  expect_refused(sample_for(downscale_run(), folder / "x.npy", {"-q", "-n", "2"}),
                 "this model is conditioned on \"downscale\"");
  expect_refused(
      sample_for(downscale_run(), folder / "x.npy",
                 {"-q", "-n", "2", "--guidance", "2", "--condition", folder / "odd.npy"}),
      "--guidance: this model was trained without classes, and never without its "
      "condition");
}

TEST(Condition, IsRefusedByWhatHasNoPlaceForIt) {
  const fs::path folder = scratch("elsewhere");
  expect_refused(run_program({"convert", downscale_run(), folder / "diffusers", "-q"}),
                 "/condition/type: \"downscale\"");
  const int64_t side = side_of(downscale_run());
  write_npy(folder / "x.npy", at::linspace(-1, 1, 3 * side * side).view({3, side, side}));
  for (const char* const mode : {"x0", "reverse"})
    expect_refused(run_program({"denoise", "-q", "--ckpt", downscale_run(), "--image",
                                folder / "x.npy", "--sigma", "0.5", "--mode", mode, "-o",
                                folder / "out.npy", "--device", "cpu"}),
                   "this model is conditioned on \"downscale\"");
  expect_refused(run_program({"eval", "-q", "--ckpt", mask_run(), "--metrics", "bpd", "--items",
                              "2", "--device", "cpu"}),
                 "bpd, rd, ode-bpd and epsilon are of whole samples");
}

TEST(Condition, OfEvaluationsAreTheDatas) {
  const Outcome o = run_program({"eval", "--ckpt", downscale_run(), "--metrics", "bpd", "--items",
                                 "4", "--json", "-", "--device", "cpu"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(nlohmann::json::parse(o.out).is_object());
}

// Points with a vector each, from arrays.
TEST(Condition, OfAVectorIsPairedByNumber) {
  const fs::path folder = scratch("vectors");
  write_npy(folder / "x.npy", at::linspace(-1, 1, 80).view({40, 2}));
  write_npy(folder / "v.npy", at::linspace(5, 9, 40).view({40, 1}));
  write_file(folder / "c.json", R"({
    "data": {"type": "array", "path": ")" +
                                    (folder / "x.npy").string() + R"("},
    "condition": {"type": "vector", "path": ")" +
                                    (folder / "v.npy").string() + R"("},
    "model": {"type": "mlp", "hidden": 8, "layers": 1},
    "diffusion": {"timesteps": 10, "beta_end": 0.5},
    "train": {"steps": 2, "batch_size": 8, "warmup_steps": 0, "sample_every": 2}})");
  const Outcome o = run_program(
      {"train", "--config", folder / "c.json", "--out", folder / "run", "--device", "cpu"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(fs::exists(folder / "run" / "samples" / "step-2.png"));
  write_npy(folder / "given.npy", at::tensor({6.0f, 8.0f}).view({2, 1}));
  EXPECT_EQ(samples_for(folder / "run", {"-n", "5", "--condition", folder / "given.npy"}).sizes(),
            at::IntArrayRef({10, 2}));
  write_npy(folder / "wide.npy", at::ones({2, 3}));
  expect_refused(
      sample_for(folder / "run", folder / "x2.npy", {"-q", "--condition", folder / "wide.npy"}),
      "wide.npy: expected N x [1], got Float [2, 3]");
}

}  // namespace
}  // namespace diffuse::testing_cli
