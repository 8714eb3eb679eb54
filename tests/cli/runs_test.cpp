// What a run begins with, leaves and says of itself.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/model_file/checkpoint.h"
#include "diffuse/model_file/model.h"
#include "src/arrays/array_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// Trains by the folder's c.json, with more flags.
Outcome train_points(const fs::path& folder, const char* out,
                     const std::vector<std::string>& more) {
  std::vector<std::string> flags{"train", "--config", folder / "c.json", "--out", folder / out};
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program(flags);
}

TEST(Train, LeavesNoFolderWhereItsResumeIsRefused) {
  const fs::path folder = scratch("refused_resume");
  write_file(folder / "c.json", small_points_config());
  const auto train = [&](const char* out, const std::vector<std::string>& more) {
    return train_points(folder, out, more);
  };
  ASSERT_EQ(train("run", {}).exit_code, 0);
  ASSERT_EQ(run_program({"convert", folder / "run", folder / "weights.pt"}).exit_code, 0);
  const Outcome converted = train("anew", {"--resume", folder / "weights.pt"});
  EXPECT_EQ(converted.exit_code, 0);
  EXPECT_NE(converted.err.find("starting from the weights of"), std::string::npos);
  const Outcome other = train("new", {"--resume", folder / "run", "--set", "model.hidden=8"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("/model/hidden differs from the checkpoint's, 16 there and 8"),
            std::string::npos)
      << other.err;
  EXPECT_FALSE(fs::exists(folder / "new"));
  fs::copy_file(folder / "weights.pt", folder / "run/checkpoints/step-20.pt");
  const Outcome passed = train("run", {"--resume"});
  EXPECT_EQ(passed.exit_code, 0);
  EXPECT_NE(passed.err.find("continuing from " + (folder / "run/model.pt").string()),
            std::string::npos);
}

TEST(Train, SaysWhatHasChangedSinceTheRunThatItContinues) {
  const fs::path folder = scratch("changed_resume");
  write_file(folder / "c.json", small_points_config());
  const auto train = [&](const std::vector<std::string>& more) {
    return train_points(folder, "run", more);
  };
  ASSERT_EQ(train({"--set", "train.steps=20", "--set", "train.batch_size=64"}).exit_code, 0);
  const Outcome same =
      train({"--set", "train.steps=20", "--set", "train.batch_size=64", "--resume"});
  EXPECT_EQ(same.exit_code, 0);
  EXPECT_EQ(same.err.find("other settings"), std::string::npos) << same.err;
  const Outcome other = train({"--set", "train.steps=22", "--set", "train.batch_size=32", "--set",
                               "sample.steps=7", "--resume"});
  EXPECT_EQ(other.exit_code, 0);
  EXPECT_NE(other.err.find("has: /train/batch_size 32 (was 64), /train/steps 22 (was 20)\n"),
            std::string::npos)
      << other.err;
  const Outcome fewer = train({"--set", "train.steps=21", "--resume"});
  EXPECT_EQ(fewer.exit_code, 2);
  EXPECT_NE(fewer.err.find("/train/steps: " + (folder / "run/model.pt").string() +
                           " is at step 22 already, after the 21 of the config"),
            std::string::npos)
      << fewer.err;
  EXPECT_NE(contents(folder / "run/config.json").find("\"steps\": 22"), std::string::npos);
  expect_refused(run_program({"train", "--resume", folder / "run"}),
                 "as the run's own, " + (folder / "run/config.json").string());
}

TEST(Train, BeginsFromAnotherModel) {
  const fs::path folder = scratch("init");
  write_file(folder / "c.json", small_image_config());
  const fs::path run = folder / "run", tuned = folder / "tuned";
  ASSERT_EQ(run_program({"train", "--config", folder / "c.json", "--out", run}).exit_code, 0);
  const auto tune = [&](const std::vector<std::string>& more) {
    std::vector<std::string> flags{"train", "--init", run, "--out", tuned};
    flags.insert(flags.end(), more.begin(), more.end());
    return run_program(flags);
  };
  const Outcome first = tune({"--set", "data.channels=1", "--set", "train.steps=2"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_NE(
      first.err.find("adapted (conv_in.weight, conv_out.weight, conv_out.bias), 0 start anew"),
      std::string::npos)
      << first.err;
  EXPECT_NE(first.err.find("2 steps of 8"), std::string::npos) << first.err;
  // A job that is started again continues, and does not begin anew.
  const Outcome again = tune({"--set", "data.channels=1", "--set", "train.steps=3", "--resume"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_NE(again.err.find("continuing from " + (tuned / "model.pt").string() + " at step 2"),
            std::string::npos)
      << again.err;
  expect_refused(run_program({"train", "--init", folder / "none.pt"}), "none.pt");
  expect_refused(tune({"--resume", run}), "--init: expected without --resume");
  expect_refused(run_program({"train"}), "--config: expected a JSON config, or --init MODEL");
}

// conv_out of 8 channels to 3 has 3 (8 3 3 + 1) numbers.
TEST(Train, FineTunesAPartOfAnotherModel) {
  const fs::path folder = scratch("frozen");
  write_file(folder / "c.json", small_image_config());
  const fs::path run = folder / "run", tuned = folder / "tuned";
  ASSERT_EQ(run_program({"train", "--config", folder / "c.json", "--out", run}).exit_code, 0);
  const Outcome o = run_program(
      {"train", "--init", run, "--out", tuned, "--set", "train.train_only=[\"conv_out\"]", "--set",
       "train.learning_rates={\"conv_out.bias\": 2}", "--set", "train.warmup_steps=0"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.err.find("219 parameters are trained, "), std::string::npos) << o.err;
  EXPECT_EQ(o.err.find("random initial values"), std::string::npos) << o.err;
  const NamedTensors before = named_parameters(Model::load(run).network());
  for (const bool averaged : {true, false}) {
    const NamedTensors after = named_parameters(Model::load(tuned, averaged).network());
    for (size_t i = 0; i < before.size(); ++i)
      EXPECT_EQ(at::equal(after[i].second, before[i].second),
                !before[i].first.starts_with("conv_out."))
          << before[i].first << " " << averaged;
  }
  const Outcome anew = run_program({"train", "--config", folder / "c.json", "--out",
                                    folder / "anew", "--set", "train.freeze=[\"conv_in\"]"});
  EXPECT_EQ(anew.exit_code, 0) << anew.err;
  EXPECT_NE(anew.err.find("/train/freeze: what is frozen keeps its random initial values"),
            std::string::npos)
      << anew.err;
}

TEST(Ls, ShowsTheGoodRunsBesideABrokenOne) {
  const fs::path folder = scratch("ls");
  for (const char* const name : {"a", "b", "c"}) {
    fs::create_directory(folder / name);
    write_file(folder / name / "config.json", small_points_config());
    write_file(folder / name / "metrics.jsonl", "{\"step\":5,\"time\":2,\"train/loss\":0.5}\n");
  }
  write_file(folder / "b/config.json", R"({"_class_name": "UNet2DModel"})");
  const Outcome o = run_program({"ls", folder});
  EXPECT_EQ(o.exit_code, 0);
  for (const char* const line :
       {"a  swiss_roll  mlp    5/10", "c  swiss_roll  mlp    5/10", "b  broken      -      -"})
    EXPECT_NE(o.out.find(line), std::string::npos) << line << "\n" << o.out;
  EXPECT_NE(o.err.find("b/config.json: /_class_name: unknown key"), std::string::npos) << o.err;
  const Outcome json = run_program({"ls", folder, "--json"});
  EXPECT_NE(json.out.find("\"error\": \"" + (folder / "b/config.json").string()),
            std::string::npos);
  EXPECT_EQ(run_program({"ls", folder / "b"}).exit_code, 2);
}

TEST(Train, OfNoStepsLeavesTheModelItNames) {
  const fs::path folder = scratch("no_steps");
  write_file(folder / "c.json", small_points_config());
  const auto train = [&](const std::vector<std::string>& more) {
    return train_points(folder, "run", more);
  };
  const Outcome none = train({"--set", "train.steps=0"});
  EXPECT_EQ(none.out, (folder / "run/model.pt").string() + "\n");
  EXPECT_TRUE(fs::exists(folder / "run/model.pt"));
  EXPECT_EQ(train({"--resume"}).exit_code, 0);
  fs::remove(folder / "run/model.pt");
  EXPECT_EQ(train({"--resume"}).exit_code, 0);
  EXPECT_EQ(contents(folder / "run/model.pt"), contents(folder / "run/checkpoints/step-10.pt"));
}

TEST(Train, WarnsOfAWarmUpLongerThanTheRun) {
  const fs::path folder = scratch("warm_up");
  write_file(folder / "c.json", small_points_config());
  const std::string warning =
      "/train/warmup_steps: 5000 is more than the 10 steps of the run: the learning rate reaches "
      "only 4e-07 of 0.0002\n";  // 2e-4 * 10 / 5000
  const std::vector<std::string> train{"train", "--config", folder / "c.json", "--out",
                                       folder / "run"};
  EXPECT_NE(run_program(train).err.find(warning), std::string::npos);
  std::vector<std::string> dry = train;
  dry.emplace_back("--dry-run");
  EXPECT_NE(run_program(dry).err.find(warning), std::string::npos);
}

TEST(Train, DoesWithoutHeldOutLossesWhereNothingIsHeldOut) {
  const fs::path folder = scratch("none_held_out");
  write_npy(folder / "one.npy", at::ones({1, 2}));
  write_file(folder / "c.json", small_points_config());
  const Outcome o =
      run_program({"train", "--config", folder / "c.json", "--out", folder / "run", "--set",
                   "data.type=array", "--set", "data.path=" + (folder / "one.npy").string(),
                   "--set", "data.count=0", "--set", "train.eval_every=1"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.err.find("/train/eval_every: no items are held out"), std::string::npos) << o.err;
  EXPECT_EQ(contents(folder / "run/metrics.jsonl").find("held_out"), std::string::npos);
}

}  // namespace
}  // namespace diffuse::testing_cli
