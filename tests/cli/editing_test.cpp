// The editing commands as a user runs them, and what they refuse.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

Image flat(int64_t side, int64_t channels, uint8_t value) {
  return {side, side, channels,
          std::vector<uint8_t>(static_cast<size_t>(side * side * channels), value)};
}

void train(const fs::path& folder, const std::string& name, const std::string& config,
           const std::vector<std::string>& more = {}) {
  write_file(folder / (name + ".json"), config);
  std::vector<std::string> arguments{
      "train", "--config", folder / (name + ".json"), "--out", folder / name, "--device", "cpu"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome o = run_program(arguments);
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

// Models of 8x8 colour images, of 8x8 grey ones with classes, and of points; pictures and masks.
const fs::path& files() {
  static const fs::path folder = [] {
    const fs::path made = scratch("editing");
    train(made, "colour", small_image_config());
    train(made, "grey", small_image_config(),
          {"--set", "data.channels=1", "--set", "model.class_conditional=true"});
    train(made, "points", small_points_config());
    Image image = flat(8, 3, 0);
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(37 * i);
    write_png(made / "image.png", image);
    write_png(made / "other.png", flat(8, 3, 200));
    write_png(made / "grey.png", flat(8, 1, 90));
    write_png(made / "large.png", flat(16, 3, 90));
    Image mask = flat(8, 1, 0);
    for (size_t i = 16; i < 48; ++i) mask.pixels[i] = 255;
    write_png(made / "mask.png", mask);
    write_png(made / "black.png", flat(8, 1, 0));
    write_file(made / "oracle.json",
               R"({"model": {"type": "gaussian_oracle", "variance": 0.25},
                   "data": {"type": "gaussian", "variance": 0.25}, "sample": {"clip_x0": false}})");
    write_npy(made / "points.npy", at::tensor({0.7f, -0.4f, 1.1f, 0.0f}).view({2, 2}));
    return made;
  }();
  return folder;
}

// "@name" stands for a file of the folder above.
Outcome run_here(const std::vector<std::string>& arguments) { return run_in(files(), arguments); }

void expect_good(const std::vector<std::string>& arguments) {
  const Outcome o = run_here(arguments);
  EXPECT_EQ(o.exit_code, 0) << testing::PrintToString(arguments) << "\n" << o.err;
}

void expect_refused(const std::vector<std::string>& arguments, const std::string& says) {
  SCOPED_TRACE(testing::PrintToString(arguments));
  testing_cli::expect_refused(run_here(arguments), says);
}

std::vector<std::string> inpaint(std::vector<std::string> more) {
  std::vector<std::string> all{"inpaint",    "--ckpt", "@colour",  "--image",
                               "@image.png", "--mask", "@mask.png"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(Inpaint, KnownPixelsComeBackBitForBitAndTheOthersDoNot) {
  const Image before = read_image(files() / "image.png");
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--repaint", "2,3"}, {"--feather", "2"}}) {
    std::vector<std::string> arguments = inpaint({"-o", "@whole.png"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_good(arguments);
    const Image after = read_image(files() / "whole.png");
    ASSERT_EQ(after.pixels.size(), before.pixels.size());
    size_t changed = 0;
    for (size_t i = 0; i < before.pixels.size(); ++i) {
      const bool painted = i / 3 >= 16 && i / 3 < 48;
      changed += before.pixels[i] != after.pixels[i];
      if (!painted) {
        EXPECT_EQ(before.pixels[i], after.pixels[i]) << i;
      }
    }
    EXPECT_GT(changed, 60u);  // of 96
  }
}

TEST(Inpaint, DependsOnSeedAndIndexAndNotOnTheBatch) {
  expect_good(inpaint({"-n", "3", "-o", "@three.npy", "--repaint", "2,2"}));
  expect_good(inpaint({"-n", "3", "-o", "@ones.npy", "--repaint", "2,2", "--batch", "1"}));
  const at::Tensor three = read_npy(files() / "three.npy");
  EXPECT_TRUE(at::equal(three, read_npy(files() / "ones.npy")));
  EXPECT_FALSE(at::equal(three[0], three[1]));
}

// Which a Ctrl-C before the end therefore leaves alone.
TEST(Inpaint, ReplacesAnEarlierRunsPicturesAtTheEnd) {
  const fs::path out = files() / "ideas";
  expect_good(inpaint({"-n", "3", "-o", "@ideas"}));
  const std::string before = contents(out / "000002.png"), told = contents(out / "parameters.json");
  const pid_t child = fork();
  if (child == 0) {
    const std::string ckpt = files() / "colour", image = files() / "image.png",
                      mask = files() / "mask.png";
    execl(program(), "diffuse", "inpaint", "--ckpt", ckpt.c_str(), "--image", image.c_str(),
          "--mask", mask.c_str(), "-n", "1000000", "--batch", "64", "--seed", "9", "-q", "-o",
          out.c_str(), nullptr);
    _exit(127);
  }
  // It has computed for two seconds, five times what it takes to start.
  clockid_t clock{};
  ASSERT_EQ(clock_getcpuclockid(child, &clock), 0);
  for (timespec used{}; used.tv_sec < 2; clock_gettime(clock, &used)) usleep(20'000);
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
  EXPECT_EQ(contents(out / "000002.png"), before);
  EXPECT_EQ(contents(out / "parameters.json"), told);
  EXPECT_FALSE(fs::exists(out / "000003.png"));
  expect_good(inpaint({"-n", "2", "-o", "@ideas"}));
  EXPECT_FALSE(fs::exists(out / "000002.png")) << "of the earlier run";
}

// The model's own eta is for its own sampler.
TEST(Inpaint, UsesDdpmWhateverTheModelsSampler) {
  write_file(files() / "noisy.json",
             R"({"model": {"type": "gaussian_oracle", "variance": 0.25},
                 "data": {"type": "gaussian", "variance": 0.25},
                 "sample": {"clip_x0": false, "sampler": "ddim", "eta": 1, "steps": 50}})");
  write_npy(files() / "point.npy", at::tensor({0.7f, -0.4f}));
  write_npy(files() / "second.npy", at::tensor({0.0f, 1.0f}));
  const auto painted = [&](const char* const model, const char* const out) {
    const Outcome o = run_here({"inpaint", "--ckpt", model, "--image", "@point.npy", "--mask",
                                "@second.npy", "--steps", "20", "-o", out});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return read_npy(files() / (out + 1));
  };
  EXPECT_TRUE(
      at::equal(painted("@noisy.json", "@noisy.npy"), painted("@oracle.json", "@plain.npy")));
}

TEST(Denoise, OfGaussianDataIsTheWienerFilter) {
  expect_good({"denoise", "--ckpt", "@oracle.json", "--image", "@points.npy", "--sigma", "0.3",
               "-o", "@denoised.npy"});
  const at::Tensor wiener = read_npy(files() / "points.npy") * (0.25 / (0.25 + 0.09));
  const at::Tensor x = read_npy(files() / "denoised.npy");
  EXPECT_LT((x - wiener).abs().max().item<double>(), 1e-5);
}

// 10 log10(4 / MSE): the two pictures differ by 110 of 127.5 levels everywhere.
TEST(Denoise, ReportsFigures) {
  write_png(files() / "ninety.png", flat(8, 3, 90));
  for (const char* const mode : {"x0", "reverse"}) {
    const Outcome o = run_here({"denoise", "--ckpt", "@colour", "--image", "@ninety.png", "--sigma",
                                "0.4", "--clean", "@other.png", "--mode", mode, "--json", "-", "-o",
                                "@denoised.png", "--strip", "@strip.png"});
    ASSERT_EQ(o.exit_code, 0) << o.err;
    const auto figures = nlohmann::json::parse(o.out);
    EXPECT_NEAR(figures["psnr_noisy"].get<double>(), 7.3026, 1e-3);
    EXPECT_TRUE(std::isfinite(figures["psnr"].get<double>()));
    EXPECT_EQ(figures["sigma_estimated"], false);
    EXPECT_EQ(read_image(files() / "denoised.png").width, 8);
    EXPECT_EQ(read_image(files() / "strip.png").width, 3 * 168 + 4 * 4);
  }
}

TEST(Interpolate, OneRowForEachDepthAndPlainMixingAtDepthZero) {
  const auto interpolate = [](const std::string& out) {
    expect_good({"interpolate", "--ckpt", "@colour", "--from", "@image.png", "--to", "@other.png",
                 "--steps", "3", "--depth", "10,5,0", "-o", out});
  };
  interpolate("@between.npy");
  const at::Tensor x = read_npy(files() / "between.npy");
  ASSERT_EQ(x.sizes(), (std::vector<int64_t>{9, 3, 8, 8}));
  EXPECT_TRUE(at::allclose((x[6] + x[8]) / 2, x[7], 0, 1e-6));
  EXPECT_TRUE(at::allclose(x[8], at::full_like(x[8], 200 / 127.5 - 1), 0, 1e-6));
  interpolate("@between.png");
  const Image table = read_image(files() / "between.png");
  EXPECT_EQ(table.height, 24 + 3 * (168 + 4));
}

TEST(SampleFrom, StaysNearTheImageWhenTheStrengthIsSmall) {
  const auto distance = [](const std::string& strength) {
    expect_good({"sample", "--ckpt", "@colour", "--from", "@other.png", "--strength", strength,
                 "-n", "4", "-o", "@from.npy"});
    const at::Tensor x = read_npy(files() / "from.npy");
    EXPECT_EQ(x.size(0), 4);
    return (x - (200 / 127.5 - 1)).abs().mean().item<double>();
  };
  EXPECT_LT(distance("0.1"), 0.5 * distance("1"));
}

// What was drawn is not in the training set, so it is at some distance; five neighbours of each of
// three samples, nearest first.
TEST(Neighbours, AreListedAndDrawn) {
  const Outcome o =
      run_here({"eval", "--ckpt", "@colour", "--metrics", "neighbours", "--neighbour-samples", "3",
                "--neighbour-picture", "@near.png", "--json", "-"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto figures = nlohmann::json::parse(o.out)["neighbours"];
  EXPECT_EQ(figures["samples"].size(), 3u);
  const std::vector<double> distances = figures["samples"][2]["distances"];
  EXPECT_EQ(distances.size(), 5u);
  EXPECT_GT(distances[0], 0);
  EXPECT_TRUE(std::is_sorted(distances.begin(), distances.end()));
  EXPECT_GT(figures["nearest"]["mean"], 0);
  EXPECT_GT(figures["nearest_of_held_out"]["mean"], 0);
  EXPECT_EQ(read_image(files() / "near.png").width, 4 + 6 * (80 + 4));
  expect_refused({"eval", "--ckpt", "@colour", "--metrics", "neighbours", "--neighbour-count", "0"},
                 "--neighbour-count");
}

TEST(BadUse, OfInpaint) {
  expect_refused({"inpaint", "--ckpt", "@colour", "--image", "@image.png"}, "--mask");
  const auto with = [](const std::string& model, const std::string& image,
                       const std::string& mask) {
    return std::vector<std::string>{"inpaint", "--ckpt", model, "--image", image, "--mask", mask};
  };
  expect_refused(with("@colour", "@image.png", "@large.png"), "the mask is");
  expect_refused(with("@colour", "@large.png", "@mask.png"), "16x16 pixels; this model makes 8x8");
  expect_refused(with("@grey", "@image.png", "@mask.png"), "in colour, this model makes grey");
  expect_refused(with("@points", "@image.png", "@mask.png"), "points, not images");
  expect_refused(with("@colour", "@image.png", "@black.png"),
                 "expected white in the part to paint");
  expect_refused(with("@colour", "@none.png", "@mask.png"), "none.png");
  expect_refused(with("@colour", "@colour.json", "@mask.png"),
                 ": not a picture; expected PNG, JPEG");
  expect_refused(inpaint({"--repaint", "10"}), "JUMP,PASSES");
  expect_refused(inpaint({"--repaint", "0,2"}), "JUMP,PASSES");
  expect_refused(inpaint({"--repaint", "10,2"}), "below the 10 steps");
  expect_refused(inpaint({"--steps", "11"}), "--steps");
  expect_refused(inpaint({"-n", "0"}), "-n");
  expect_refused(inpaint({"-o", "@x.gif"}), "-o");
  expect_refused(inpaint({"--class", "1"}), "without classes");
}

TEST(BadUse, OfDenoiseInterpolateAndSampleFrom) {
  const std::vector<std::string> denoise{"denoise", "--ckpt", "@colour"};
  const auto with = [](std::vector<std::string> all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_refused(denoise, "expected --image, --clean or both");
  expect_refused(with(denoise, {"--clean", "@other.png"}), "--sigma");
  expect_refused(with(denoise, {"--image", "@other.png"}), "no noise found");
  expect_refused(with(denoise, {"--image", "@image.png", "--sigma", "-1"}), "--sigma");
  expect_refused(with(denoise, {"--image", "@image.png", "--sigma", "1e9"}), "--sigma");
  expect_refused(with(denoise, {"--image", "@image.png", "--mode", "both"}), "--mode");
  expect_refused({"denoise", "--ckpt", "@points", "--image", "@image.png"}, "points, not images");
  expect_refused({"denoise", "--ckpt", "@points", "--image", "@points.npy", "-o", "@x.npy"},
                 "--sigma");
  const std::vector<std::string> ends{"--ckpt", "@colour", "--from", "@image.png"};
  const auto interpolate = with(with({"interpolate"}, ends), {"--to", "@other.png"});
  expect_refused(with({"interpolate"}, ends), "--to");
  expect_refused(with(interpolate, {"--depth", "11"}), "--depth");
  expect_refused(with(interpolate, {"--steps", "1"}), "--steps");
  expect_refused(with(interpolate, {"--reverse-steps", "11"}),
                 "--reverse-steps: expected at most the 10 timesteps");
  expect_refused(with(interpolate, {"--linear", "--spherical"}), "--linear");
  expect_refused(with(interpolate, {"--strip", "@strip.png"}), "--strip");
  expect_refused(with(with({"sample"}, ends), {"--strength", "0"}), "--strength");
  expect_refused(with(with({"sample"}, ends), {"--strength", "1.5"}), "--strength");
  expect_refused({"sample", "--ckpt", "@colour", "--strength", "0.5"}, "--from");
  expect_refused({"sample", "--ckpt", "@points", "--from", "@image.png"}, "points, not images");
}

TEST(BadUse, OfClasses) {
  const std::vector<std::string> grey{"denoise",   "--ckpt",  "@grey", "--image",
                                      "@grey.png", "--sigma", "0.2"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = grey;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_refused(with({"--class", "10"}), "--class: expected 0 to 9, got 10");
  expect_refused(with({"--guidance", "2"}), "expected --class K");
  expect_refused({"sample", "--ckpt", "@grey", "--class", "10"}, "--class: expected 0 to 9");
  expect_refused({"sample", "--ckpt", "@colour", "--guidance", "2"}, "without classes");
}

}  // namespace
}  // namespace diffuse::testing_cli
