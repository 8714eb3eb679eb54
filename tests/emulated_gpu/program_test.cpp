// The program on the emulated card, whose kernels are counted and not computed: what a step launches, copies and
// waits for.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "card/device.h"
#include "diffuse/core/error.h"
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

// `environment`: more of it.
Seen on_card(const std::vector<std::string>& arguments,
             const std::map<std::string, std::string>& environment = {}) {
  const fs::path log = scratch("card") / "log";
  Dl_info card{};
  dladdr(reinterpret_cast<const void*>(&emulated::note), &card);
  std::map<std::string, std::string> all{{"LD_PRELOAD", card.dli_fname}, {"EMULATED_GPU_LOG", log}};
  all.insert(environment.begin(), environment.end());
  for (const auto& [name, value] : all) setenv(name.c_str(), value.c_str(), 1);
  Seen seen{run_program(arguments), {}};
  for (const auto& [name, value] : all) unsetenv(name.c_str());
  std::istringstream lines(contents(log));
  for (std::string line; std::getline(lines, line);) seen.log.push_back(line);
  return seen;
}

// A config in the folder, and the arguments that train by it.
Lines training_in(const fs::path& folder, const Lines& settings, const Lines& more = {}) {
  write_file(folder / "config.json", small_image_config());
  Lines arguments{"train", "--config", folder / "config.json", "--out", folder / "run"};
  for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const Lines kOnCuda{"--device", "cuda"};

// What the card did from the first replay after the last recording to the last.
Lines replayed(const Lines& log) {
  const auto starts = [](const std::string& with) {
    return [with](const std::string& line) { return line.starts_with(with); };
  };
  const auto recorded = std::find_if(log.rbegin(), log.rend(), starts("end recording")).base();
  const auto last = std::find_if(log.rbegin(), log.rend(), starts("graph ")).base();
  if (recorded == log.begin() || recorded >= last) return {};
  return {std::find_if(recorded, last, starts("graph ")), last};
}

// Two graphs an update; the host waits for the update two before that which it has queued.
TEST(ProgramOnTheCard, TrainsByTwoGraphsWithoutWaiting) {
  const Seen seen = on_card(
      training_in(scratch("on_card"),
                  {"train.steps=30", "train.sample_every=0", "train.log_every=30"}, kOnCuda));
  EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
  EXPECT_EQ(seen.count("begin recording"), 2);
  EXPECT_EQ(seen.count("REFUSED"), 0);
  const Lines steps = replayed(seen.log);
  EXPECT_GE(std::ssize(steps), 50);
  for (int64_t queued = 10; queued <= 50; queued += 2)
    EXPECT_EQ(std::count(steps.begin(), steps.end(),
                         concat("sync event after launch ", queued - 4, " of ", queued)),
              1)
        << queued;
  for (const std::string& line : steps) {
    EXPECT_FALSE(line == "sync stream" || line == "sync device") << line;
    EXPECT_FALSE(line.starts_with("malloc")) << line;
    EXPECT_FALSE(line.starts_with("copy p")) << line << ": from pageable memory";
  }
}

// What trains by graphs, and what says why it does not.
TEST(ProgramOnTheCard, TrainsWhateverIsAskedFor) {
  struct Case {
    Lines settings;
    int64_t recordings;
    std::string says = "";
  };
  const Case cases[] = {
      {{"train.precision=bf16"}, 2},
      {{"train.precision=fp16"}, 2},
      {{"train.micro_batch=4"}, 2},
      {{"model.class_conditional=true", "train.label_dropout=0.2"}, 2},
      {{"diffusion.variance=learned_range", "diffusion.loss=hybrid"}, 2},
      {{"diffusion.loss=min_snr"}, 2},
      {{"train.sample_every=2"}, 2 + 6},  // whose graphs come and go before the first update's
      {{"train.cuda_graph=off"}, 0},
      {{"diffusion.timestep_sampler=importance"}, 0, "no CUDA graph"},
      {{"diffusion.loss_weighting=learned"}, 0, "no CUDA graph"},
      {{"train.gradient_checkpointing=true"}, 0, "no CUDA graph"},
      {{"train.optimizer=muon"}, 0, "no CUDA graph"},
  };
  for (const auto& [settings, recordings, says] : cases) {
    SCOPED_TRACE(settings.back());
    Lines all{"train.steps=12", "train.sample_every=0"};
    all.insert(all.end(), settings.begin(), settings.end());
    const Seen seen = on_card(training_in(scratch("on_card"), all, kOnCuda));
    EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
    EXPECT_EQ(seen.count("begin recording"), recordings);
    EXPECT_EQ(seen.count("REFUSED"), 0);
    EXPECT_NE(seen.outcome.err.find(says), std::string::npos) << seen.outcome.err;
  }
}

TEST(ProgramOnTheCard, TrainsWithoutOurKernels) {
  for (const char* const precision : {"fp32", "bf16"}) {
    const Seen seen = on_card(
        training_in(scratch("on_card"),
                    {"train.steps=8", std::string("train.precision=") + precision}, kOnCuda),
        {{"DIFFUSE_CUDA_KERNELS", "off"}});
    EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
    EXPECT_EQ(seen.count("own "), 0);
    EXPECT_GT(seen.count("graph "), 0);
  }
}

TEST(ProgramOnTheCard, TwoProcessesSumGradientsBetweenTheirGraphs) {
  for (const char* const compressed : {"false", "true"}) {
    Lines arguments{"launch", "--nproc", "2", "--"};
    const Lines train =
        training_in(scratch("on_card"),
                    {"train.steps=20", "train.sample_every=0", "train.log_every=20",
                     "train.batch_size=8", std::string("train.compress_gradients=") + compressed},
                    kOnCuda);
    arguments.insert(arguments.end(), train.begin(), train.end());
    const Seen seen = on_card(arguments, {{"EMULATED_GPU_COUNT", "2"}});
    EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
    EXPECT_EQ(seen.count("begin recording"), 4);
    EXPECT_EQ(seen.count("REFUSED"), 0);
    EXPECT_GE(seen.count("nccl all-reduce"), 2 * 20);
  }
}

TEST(ProgramOnTheCard, SamplesByAGraph) {
  const fs::path folder = scratch("on_card");
  EXPECT_EQ(on_card(training_in(folder, {}, kOnCuda)).outcome.exit_code, 0);
  const Seen seen = on_card({"sample", "--ckpt", folder / "run" / "model.pt", "-n", "4", "-o",
                             folder / "samples.png", "--device", "cuda"});
  EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
  EXPECT_EQ(seen.count("begin recording"), 1);
  EXPECT_EQ(seen.count("graph "), 6) << "of 10 steps, after 4 to warm up";
  const Lines steps = replayed(seen.log);
  EXPECT_GE(std::ssize(steps), 6);
  for (const std::string& line : steps) EXPECT_FALSE(line.starts_with("sync")) << line;
}

TEST(ProgramOnTheCard, TrainsWithoutGraphsWhereThereIsNoMemoryForThem) {
  const Seen seen =
      on_card(training_in(scratch("on_card"), {"train.steps=12", "train.sample_every=8"}, kOnCuda),
              {{"EMULATED_GPU_NO_GRAPHS", "1"}});
  EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
  EXPECT_EQ(seen.count("no memory for a graph"), 4) << "of the pass, the update, two grids";
  EXPECT_EQ(seen.count("graph "), 0);
  EXPECT_NE(seen.outcome.err.find("no CUDA graph"), std::string::npos) << seen.outcome.err;
}

// Ho's UNet in batches of 128: kernels of the pass, and memory without cuDNN's and cuBLAS's own.
TEST(ProgramOnTheCard, TrainsHosUNetInFewKernelsAndLittleMemory) {
  const Seen seen =
      on_card({"bench", "--config", "configs/cifar.json", "--set", "model.sample_shape=[3,32,32]",
               "--set", "train.precision=bf16", "--device", "cuda", "--seconds", "0.1"});
  EXPECT_EQ(seen.outcome.exit_code, 0) << seen.outcome.err;
  int most = 0;
  for (const std::string& line : seen.log)
    if (line.starts_with("graph ")) most = std::max(most, std::stoi(line.substr(6)));
  EXPECT_GT(most, 500);
  EXPECT_LT(most, 720);
  const size_t found = seen.outcome.out.find("peak memory");
  ASSERT_NE(found, std::string::npos) << seen.outcome.out;
  EXPECT_LT(std::stod(seen.outcome.out.substr(found + 11)), 3000) << seen.outcome.out;
}

// One line on stderr says so, and none is LibTorch's.
void expect_one_line(const Outcome& outcome, int exit_code, const std::string& says) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  int found = 0;
  std::istringstream lines(outcome.err);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_FALSE(line.starts_with("[")) << line;
    found += line.find(says) != std::string::npos;
  }
  EXPECT_EQ(found, 1) << outcome.err;
}

TEST(ProgramOnTheCard, SaysThatTheDriverIsTooOld) {
  const fs::path folder = scratch("on_card");
  const std::map<std::string, std::string> old{{"EMULATED_GPU_DRIVER", "12020"}};
  const std::string says = "the NVIDIA driver is too old: it knows CUDA 12.2";
  expect_one_line(on_card(training_in(folder, {}), old).outcome, 0, says);
  expect_one_line(on_card(training_in(folder, {}, kOnCuda), old).outcome, 2, says);
}

TEST(ProgramOnTheCard, SaysThatMemoryIsShort) {
  const Lines train = training_in(scratch("on_card"), {"train.batch_size=4096"}, kOnCuda);
  expect_one_line(on_card(train, {{"EMULATED_GPU_MB", "64"}}).outcome, 1, "memory");
}

TEST(ProgramOnTheCard, EndsWithAWholeCheckpointWhenTheCardIsLost) {
  const fs::path folder = scratch("on_card");
  const Lines train = training_in(
      folder, {"train.steps=1000", "train.checkpoint_every=10", "train.sample_every=0"}, kOnCuda);
  expect_one_line(on_card(train, {{"EMULATED_GPU_FAILS_AFTER", "20000"}}).outcome, 1,
                  "the card has fallen off the bus");
  const Outcome info = run_program({"info", folder / "run" / "model.pt"});
  EXPECT_EQ(info.exit_code, 0) << info.err;
}

}  // namespace
}  // namespace diffuse::testing_cli
