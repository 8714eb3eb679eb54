#include "src/train/run_warnings.h"

#include <gtest/gtest.h>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"

namespace diffuse {

using Lines = std::vector<std::string>;

static Lines warnings(const std::string& config, int64_t held_out = 10) {
  return run_warnings(parse_config(config, "test"), held_out);
}

TEST(RunWarnings, SayNothingOfThePresets) {
  for (const char* const name :
       {"cifar", "flowers", "flowers32", "mnist", "mnist_conditional", "mnist_superres", "shapes",
        "series_forecast", "shapes_colour", "swiss_roll", "waveforms"})
    EXPECT_EQ(run_warnings(load_config(concat("configs/", name, ".json")), 10), Lines()) << name;
}

// 2e-4 * 20 / 5000, by hand.
TEST(RunWarnings, NameTheLearningRateThatAShortRunReaches) {
  EXPECT_EQ(warnings(R"({"train": {"steps": 20, "warmup_steps": 5000}})"),
            Lines{"/train/warmup_steps: 5000 is more than the 20 steps of the run: the learning "
                  "rate reaches only 8e-07 of 0.0002"});
  EXPECT_EQ(warnings(R"({"train": {"steps": 20, "warmup_steps": 20}})"), Lines());
  EXPECT_EQ(warnings(R"({"train": {"steps": 0}})"), Lines());
  // (s + 1) / 4000 * (1 - s / 2000) is highest at s = 999.5, where it is 1000.5 / 4000 * 0.50025.
  EXPECT_EQ(warnings(R"({"train": {"steps": 2000, "warmup_steps": 4000, "learning_rate": 1,
                                   "learning_rate_schedule": "linear"}})"),
            Lines{"/train/warmup_steps: 4000 is more than the 2000 steps of the run: the learning "
                  "rate reaches only 0.125125 of 1"});
}

TEST(RunWarnings, NameWhatIsNeverDue) {
  EXPECT_EQ(warnings(R"({"train": {"steps": 20, "warmup_steps": 0, "eval_every": 21,
                                   "sample_every": 100}})"),
            (Lines{"/train/eval_every: 21 is more than the 20 steps of the run: no held-out loss",
                   "/train/sample_every: 100 is more than the 20 steps of the run: no samples"}));
  EXPECT_EQ(warnings(R"({"train": {"steps": 20, "warmup_steps": 0, "eval_every": 20}})", 0),
            Lines{"/train/eval_every: no items are held out, so there are no held-out losses; "
                  "/data/held_out sets how many are"});
}

// 0.9999^20 = 0.998002.
TEST(RunWarnings, NameAveragesOfTheInitialWeights) {
  const std::string train = R"({"train": {"steps": 20, "warmup_steps": 0, "ema_warmup": )";
  EXPECT_EQ(warnings(train + "false}}"),
            Lines{"/train/ema_decay: after 20 steps the averaged weights, which samples are drawn "
                  "with, are still 99.8% the initial ones; lower it, or set ema_warmup"});
  EXPECT_EQ(warnings(train + "true}}"), Lines());
}

TEST(RunWarnings, NameWhatHasNoEffect) {
  EXPECT_EQ(warnings(R"({"train": {"label_dropout": 0.1, "weight_decay": 0.01},
                         "sample": {"guidance": 2}})"),
            (Lines{"/train/label_dropout: has no effect without /model/class_conditional",
                   "/sample/guidance: has no effect without /model/class_conditional or "
                   "/condition/dropout",
                   "/train/weight_decay: has no effect without /train/optimizer adamw"}));
  EXPECT_EQ(warnings(R"({"model": {"class_conditional": true}, "sample": {"guidance": 2}})"),
            Lines{"/sample/guidance: 2 compares with samples of no class, which the model does not "
                  "learn without /train/label_dropout"});
  EXPECT_EQ(warnings(R"({"condition": {"dropout": 0.1, "noise": 0.2}, "sample": {"guidance": 2}})"),
            (Lines{"/condition/dropout: has no effect without /condition/type",
                   "/condition/noise: has no effect without /condition/type",
                   "/sample/guidance: has no effect without /model/class_conditional or "
                   "/condition/dropout"}));
  EXPECT_EQ(warnings(R"({"model": {"class_conditional": true}, "sample": {"guidance": 2},
                         "condition": {"type": "grey", "dropout": 0.1}})"),
            Lines());
}

}  // namespace diffuse
