// What `diffuse sample`, `encode` and `bench samplers` do beyond drawing samples once.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

fs::path oracle_config(const std::string& type, const std::string& model) {
  const fs::path file = scratch("oracle_" + type) / "oracle.json";
  write_file(file, R"({"model": {"type": "gaussian_oracle", "variance": 0.25},
                       "data": )" +
                       model + R"(, "diffusion": {"timesteps": 20, "beta_end": 0.3}})");
  return file;
}

const fs::path& points() {
  static const fs::path file = oracle_config("points", R"({"type": "gaussian", "variance": 0.25})");
  return file;
}

// The exact network for Gaussian data of an image's shape.
const fs::path& images() {
  static const fs::path file =
      oracle_config("images", R"({"type": "shapes", "image_size": 8, "count": 40})");
  return file;
}

const fs::path& conditional_run() {
  static const fs::path run = [] {
    const fs::path folder = scratch("conditional");
    write_file(folder / "c.json", small_image_config());
    const Outcome o = run_program({"train", "--config", folder / "c.json", "--out", folder / "run",
                                   "--device", "cpu", "--set", "model.class_conditional=true"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return folder / "run";
  }();
  return run;
}

Outcome sample(const fs::path& out, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments{"sample", "--device", "cpu", "-o", out};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return run_program(arguments);
}

void sample_well(const fs::path& out, const std::vector<std::string>& flags) {
  const Outcome o = sample(out, flags);
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

// Starts a run of one sample a batch and stops it once some rows are there.
int interrupted(const fs::path& out) {
  const fs::path model = points();
  const pid_t child = fork();
  if (child == 0) {
    execl(program(), "diffuse", "sample", "--ckpt", model.c_str(), "-n", "200000", "--batch", "1",
          "-o", out.c_str(), "--device", "cpu", "-q", nullptr);
    _exit(127);
  }
  const fs::path partial = out.string() + ".partial";
  while (!fs::exists(partial) || fs::file_size(partial) < 1000) usleep(5'000);
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SampleResume, GoesOnWithAnArrayThatASignalStopped) {
  const fs::path folder = scratch("resume_array");
  EXPECT_EQ(interrupted(folder / "x.npy"), 75);
  EXPECT_FALSE(fs::exists(folder / "x.npy"));
  const std::vector<std::string> flags{"--ckpt", points(), "-n", "200000", "--batch", "100000"};
  auto resume = flags;
  resume.push_back("--resume");
  const Outcome o = sample(folder / "x.npy", resume);
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.err.find(" are already there"), std::string::npos) << o.err;
  sample_well(folder / "straight.npy", flags);
  EXPECT_EQ(contents(folder / "x.npy"), contents(folder / "straight.npy"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
}

TEST(SampleResume, KeepsTheImagesOfAFolderAndTakesMore) {
  const fs::path folder = scratch("resume_folder");
  const std::vector<std::string> flags{"--ckpt", images(), "--resume", "--steps", "5"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), flags.begin(), flags.end());
    return more;
  };
  sample_well(folder / "a", with({"-n", "3"}));
  write_file(folder / "a/000001.png", "kept as it is");
  sample_well(folder / "a", with({"-n", "5"}));
  EXPECT_EQ(contents(folder / "a/000001.png"), "kept as it is");
  sample_well(folder / "b", with({"-n", "5"}));
  EXPECT_EQ(contents(folder / "a/000004.png").size(), contents(folder / "b/000004.png").size());
  EXPECT_EQ(read_image(folder / "a/000004.png").pixels, read_image(folder / "b/000004.png").pixels);
  const Outcome other = sample(folder / "a", with({"-n", "9", "--seed", "8"}));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("has seeds \"0\", but this run has \"8\""), std::string::npos)
      << other.err;
}

TEST(SampleOutput, LeavesNothingOfAnEarlierRunToGoOnFrom) {
  const fs::path folder = scratch("earlier");
  const std::vector<std::string> flags{"--ckpt", images(), "--steps", "2", "-n"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), flags.begin(), flags.end());
    return more;
  };
  sample_well(folder / "a", with({"4"}));
  write_file(folder / "a/0001.png", "no sample");
  sample_well(folder / "a", with({"2", "--seed", "8"}));
  EXPECT_FALSE(fs::exists(folder / "a/000003.png"));
  EXPECT_EQ(contents(folder / "a/0001.png"), "no sample");
  sample_well(folder / "a", with({"4", "--seed", "8", "--resume"}));
  sample_well(folder / "b", with({"4", "--seed", "8"}));
  for (const char* const image : {"000001.png", "000003.png"})
    EXPECT_EQ(read_image(folder / "a" / image).pixels, read_image(folder / "b" / image).pixels);

  write_file(folder / "a/0000001.png", "no sample");
  sample_well(folder / "a", with({"2"}));
  EXPECT_EQ(contents(folder / "a/0000001.png"), "no sample");

  write_file(folder / "b/parameters.json", R"({"camera": "x"})");
  const Outcome foreign = sample(folder / "b", with({"4"}));
  EXPECT_EQ(foreign.exit_code, 2);
  EXPECT_NE(foreign.err.find("but no parameters.json"), std::string::npos) << foreign.err;
  EXPECT_TRUE(fs::exists(folder / "b/000003.png"));
}

// A run that is killed before its first row must not leave the rows of the one before.
TEST(SampleOutput, DropsTheRowsOfAnEarlierRunBeforeItsParameters) {
  const fs::path folder = scratch("earlier_array");
  write_file(folder / "x.npy.partial", "rows of an earlier run");
  fs::create_directory(folder / "x.npy.partial.json");  // where the parameters cannot be written
  EXPECT_EQ(sample(folder / "x.npy", {"--ckpt", points(), "-n", "2"}).exit_code, 2);
  EXPECT_FALSE(fs::exists(folder / "x.npy.partial"));
}

TEST(SampleOutput, OfAnNpzIsTheSameWhateverTheBatch) {
  const fs::path folder = scratch("npz");
  for (const char* const sampler : {"ddpm", "dpmpp2m-sde", "heun"}) {
    const std::vector<std::string> flags{"--ckpt", images(), "-n", "7", "--sampler", sampler};
    auto in_parts = flags;
    in_parts.insert(in_parts.end(), {"--batch", "3"});
    sample_well(folder / "a.npz", flags);
    sample_well(folder / "b.npz", in_parts);
    EXPECT_EQ(contents(folder / "a.npz"), contents(folder / "b.npz")) << sampler;
  }
}

// Twice the samples are a column more.
TEST(SampleOutput, OfAllClassesHasARowForEach) {
  const fs::path folder = scratch("rows");
  const auto config = nlohmann::json::parse(contents(conditional_run() / "config.json"));
  const auto classes = config["model"]["classes"].get<int64_t>();
  ASSERT_GT(classes, 1);
  for (const int64_t columns : {1, 2})
    sample_well(folder / (std::to_string(columns) + ".png"),
                {"--ckpt", conditional_run(), "-n", std::to_string(columns * classes), "--class",
                 "all", "--steps", "2", "--guidance", "2", "--sampler", "dpmpp2m"});
  const Image one = read_image(folder / "1.png"), two = read_image(folder / "2.png");
  EXPECT_EQ(one.height, two.height);
  EXPECT_LT(one.width, two.width);
}

TEST(SampleOutput, FramesOfAPngAreAColumnEach) {
  const fs::path folder = scratch("frames");
  for (const char* const file : {"x_t.png", "x_0.png"}) {
    std::vector<std::string> flags{"--ckpt", images(), "-n", "2", "--frames", "5"};
    if (std::string(file) == "x_0.png") flags.push_back("--show-x0");
    sample_well(folder / file, flags);
  }
  const Image states = read_image(folder / "x_t.png"), ends = read_image(folder / "x_0.png");
  EXPECT_NEAR(static_cast<double>(states.width) / static_cast<double>(states.height), 2.5, 0.1);
  EXPECT_NE(states.pixels, ends.pixels);
}

TEST(SampleOutput, FramesOfPointsAreTheirPaths) {
  const fs::path folder = scratch("paths");
  sample_well(folder / "paths.png", {"--ckpt", points(), "-n", "20", "--frames", "5"});
  sample_well(folder / "ends.png", {"--ckpt", points(), "-n", "20"});
  const Image paths = read_image(folder / "paths.png");
  EXPECT_EQ(paths.width, paths.height);
  EXPECT_GT(paths.width, read_image(folder / "ends.png").width);
}

TEST(Encode, FindsTheNoiseThatDecodesToTheSamples) {
  const fs::path folder = scratch("encode");
  const at::Tensor x = at::tensor({0.5f, -0.25f, 1.5f, 0.0f}).view({2, 2});
  write_npy(folder / "x.npy", x);
  const Outcome o =
      run_program({"encode", "--ckpt", points(), "--image", folder / "x.npy", "-o",
                   folder / "x_T.npy", "--passes", "60", "--check", "--device", "cpu"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.out.find("per dimension"), std::string::npos) << o.out;
  sample_well(folder / "back.npy", {"--ckpt", points(), "--noise", folder / "x_T.npy", "--sampler",
                                    "ddim", "--no-clip"});
  EXPECT_TRUE(at::allclose(read_npy(folder / "back.npy"), x, 1e-4, 1e-5));
}

TEST(BenchSamplers, ListsErrorsAndCallsInTableJsonAndPlot) {
  const fs::path folder = scratch("bench");
  const Outcome o = run_program({"bench", "samplers", "--ckpt", points(), "--steps", "2,4",
                                 "--json", folder / "b.json", "--plot", folder / "b.svg",
                                 "--tolerance", "9", "--device", "cpu"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.out.find("--sampler ddim --spacing trailing --steps 2"), std::string::npos) << o.out;
  const auto root = nlohmann::json::parse(contents(folder / "b.json"));
  ASSERT_EQ(root["results"].size(), 6u);
  EXPECT_EQ(root["results"][5]["network_calls"], 7);
  EXPECT_GT(root["results"][0]["rmse"].get<double>(), root["results"][1]["rmse"].get<double>());
  EXPECT_EQ(contents(folder / "b.svg").substr(0, 4), "<svg");
}

}  // namespace
}  // namespace diffuse::testing_cli
