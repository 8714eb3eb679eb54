// The program on the emulated card, whose kernels are counted and not computed: what a step launches, copies and
// waits for.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "card/device.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

using Lines = std::vector<std::string>;

struct Seen {
  Outcome outcome;
  Lines log;  // of the card

  int64_t count(const std::string& start) const {
    return std::count_if(log.begin(), log.end(),
                         [&](const std::string& line) { return line.starts_with(start); });
  }
};

Seen on_card(const std::vector<std::string>& arguments, const char* megabytes = "8192") {
  const fs::path log = scratch("card") / "log";
  Dl_info card{};
  dladdr(reinterpret_cast<const void*>(&emulated::note), &card);
  setenv("LD_PRELOAD", card.dli_fname, 1);
  setenv("EMULATED_GPU_LOG", log.c_str(), 1);
  setenv("EMULATED_GPU_MB", megabytes, 1);
  setenv("DIFFUSE_CACHE_DIR", (fs::temp_directory_path() / "diffuse-test-kernels").c_str(), 1);
  Seen seen{run_program(arguments), {}};
  for (const char* const name :
       {"LD_PRELOAD", "EMULATED_GPU_LOG", "EMULATED_GPU_MB", "DIFFUSE_CACHE_DIR"})
    unsetenv(name);
  std::istringstream lines(contents(log));
  for (std::string line; std::getline(lines, line);) seen.log.push_back(line);
  return seen;
}

Seen train_on_card(const Lines& settings, const fs::path& folder) {
  Lines arguments{"train", "--out", folder, "--device", "cuda"};
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  const Seen seen = on_card(arguments);
  EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
  return seen;
}

// What the card did from the last recording to the last replay.
Lines replayed(const Lines& log) {
  const auto last_of = [&](const std::string& start) {
    return std::find_if(log.rbegin(), log.rend(),
                        [&](const std::string& line) { return line.starts_with(start); })
        .base();
  };
  const auto first = last_of("end recording"), last = last_of("graph ");
  return first < last ? Lines(first, last) : Lines{};
}

TEST(ProgramOnTheCard, TrainsByTwoGraphsWithoutWaiting) {
  const fs::path folder = scratch("on_card");
  write_file(folder / "config.json", small_image_config());
  const Seen seen = train_on_card({"--config", folder / "config.json", "--set", "train.steps=30",
                                   "--set", "train.sample_every=0", "--set", "train.log_every=30"},
                                  folder / "run");
  EXPECT_EQ(seen.count("begin recording"), 2);
  EXPECT_EQ(seen.count("REFUSED"), 0);
  const Lines steps = replayed(seen.log);
  EXPECT_GE(std::ssize(steps), 50);
  for (const std::string& line : steps) {
    EXPECT_FALSE(line.starts_with("sync")) << line;
    EXPECT_FALSE(line.starts_with("malloc")) << line;
    EXPECT_FALSE(line.starts_with("copy p")) << line << ": from pageable memory";
  }
}

TEST(ProgramOnTheCard, SamplesByAGraph) {
  const fs::path folder = scratch("on_card");
  write_file(folder / "config.json", small_image_config());
  train_on_card({"--config", folder / "config.json"}, folder / "run");
  const Seen seen = on_card({"sample", "--ckpt", folder / "run" / "model.pt", "-n", "4", "-o",
                             folder / "samples.png", "--device", "cuda"});
  EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
  EXPECT_EQ(seen.count("begin recording"), 1);
  EXPECT_EQ(seen.count("graph "), 6) << "of 10 steps, after 4 to warm up";
  for (const std::string& line : replayed(seen.log)) EXPECT_FALSE(line.starts_with("sync")) << line;
}

TEST(ProgramOnTheCard, SaysThatMemoryIsShort) {
  const Seen seen =
      on_card({"train", "--config", "configs/cifar.json", "--set", "model.sample_shape=[3,32,32]",
               "--out", scratch("on_card") / "run", "--device", "cuda"},
              "512");
  EXPECT_EQ(seen.outcome.exit_code, 1);
  EXPECT_NE(seen.outcome.err.find("memory"), std::string::npos) << seen.outcome.err;
}

}  // namespace
}  // namespace diffuse::testing_cli
