#include "diffuse/config/config_json.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "tests/message_of.h"

namespace diffuse {

static Config parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_config(text, "x.json", overrides);
}

TEST(Config, DefaultsAreTheModelOfHoEtAl) {
  const Config config = parse("{}");
  EXPECT_EQ(config.model.channels, 128);
  EXPECT_EQ(config.model.channel_multipliers, (std::vector<int64_t>{1, 2, 2, 2}));
  EXPECT_EQ(config.diffusion.timesteps, 1000);
  EXPECT_EQ(config.diffusion.beta_start, 1e-4);
  EXPECT_EQ(config.diffusion.beta_end, 0.02);
  EXPECT_EQ(config.train.learning_rate, 2e-4);
}

TEST(Config, ReadsEachKindOfField) {
  const Config config = parse(R"({
    "seed": 18446744073709551615,
    "data": {"type": "image_folder", "path": "fleurs d'été", "horizontal_flip": true},
    "model": {"channel_multipliers": [1, 3], "attention_resolutions": []},
    "diffusion": {"schedule": "betas", "betas": [0.1, 0.2], "timesteps": 2},
    "train": {"steps": 7, "gradient_clip": 2, "adam_eps": 1e-7, "freeze": ["conv_in", "a.*"],
              "learning_rates": {"conv_out": 2, "time_embedding.*": 0.1}}})");
  EXPECT_EQ(config.seed, UINT64_MAX);
  EXPECT_EQ(config.data.type, DataType::kImageFolder);
  EXPECT_EQ(config.data.path, "fleurs d'été");
  EXPECT_TRUE(config.data.horizontal_flip);
  EXPECT_EQ(config.model.channel_multipliers, (std::vector<int64_t>{1, 3}));
  EXPECT_TRUE(config.model.attention_resolutions.empty());
  EXPECT_EQ(config.diffusion.betas, (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(config.train.steps, 7);
  EXPECT_EQ(config.train.gradient_clip, 2.0);
  EXPECT_EQ(config.train.adam_eps, 1e-7);
  EXPECT_EQ(config.train.freeze, (std::vector<std::string>{"conv_in", "a.*"}));
  EXPECT_EQ(config.train.learning_rates,
            (std::map<std::string, double>{{"conv_out", 2}, {"time_embedding.*", 0.1}}));
}

TEST(Config, TakesIntegersInOtherWords) {
  const Config config = parse(R"({"train": {"steps": 1e3, "batch_size": 100.0, "eval_every": -0.0},
                                  "model": {"channel_multipliers": [1.0, 2]},
                                  "seed": 9007199254740993})");
  EXPECT_EQ(config.train.steps, 1000);
  EXPECT_EQ(config.train.batch_size, 100);
  EXPECT_EQ(config.train.eval_every, 0);
  EXPECT_EQ(config.model.channel_multipliers, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(config.seed, 9007199254740993u);  // 2^53 + 1: no double
}

TEST(Config, TakesThemInOverridesToo) {
  const auto seed = [](const std::string& text) { return parse("{}", {"seed=" + text}).seed; };
  EXPECT_EQ(seed("010"), 10u);
  EXPECT_EQ(seed("1e3"), 1000u);
  EXPECT_EQ(seed("9007199254740993.0"), 9007199254740993u);
  EXPECT_EQ(seed("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse("{}", {"train.batch_size=0100.0"}).train.batch_size, 100);
  for (const char* const text : {".5", "+0.5", "5e-1"})
    EXPECT_EQ(parse("{}", {std::string("train.ema_decay=") + text}).train.ema_decay, 0.5) << text;
  EXPECT_EQ(parse("{}", {"train.learning_rate=1."}).train.learning_rate, 1);
}

TEST(Config, IgnoresCommentsAndTheSchemaAddress) {
  const Config config = parse(R"({"$schema": "diffuse.schema.json", "_comment": ["a", "b"],
                                  "train": {"_comment": "short", "steps": 3}})");
  EXPECT_EQ(config.train.steps, 3);
}

TEST(Config, TakesAByteOrderMark) { EXPECT_EQ(parse("\xEF\xBB\xBF{\"seed\": 5}").seed, 5u); }

TEST(Config, RoundTripsExactly) {
  Config config;
  config.seed = UINT64_MAX;
  config.data.path = "a \"b\"\n\\ é";
  config.data.noise = 0.1 + 0.2;  // 0.30000000000000004
  config.model.sample_shape = {3, 32, 32};
  config.model.sample_kind = SampleKind::kFloatImage;
  config.diffusion.schedule = ScheduleKind::kBetas;
  config.diffusion.betas = {1.0 / 3, 5e-324, 0.9999999999999999};
  config.diffusion.timesteps = 3;
  config.train.steps = INT64_MAX;
  config.train.learning_rates = {{"a \"b\".*", 1.0 / 3}, {"c", 5e-324}};
  const std::string text = config_to_json(config);
  const Config read = parse(text);
  EXPECT_EQ(read.seed, config.seed);
  EXPECT_EQ(read.data.path, config.data.path);
  EXPECT_EQ(read.data.noise, config.data.noise);
  EXPECT_EQ(read.model.sample_shape, config.model.sample_shape);
  EXPECT_EQ(sample_kind(read.model), SampleKind::kFloatImage);
  EXPECT_EQ(read.diffusion.betas, config.diffusion.betas);
  EXPECT_EQ(read.train.steps, config.train.steps);
  EXPECT_EQ(read.train.learning_rates, config.train.learning_rates);
  EXPECT_EQ(config_to_json(read), text);
}

TEST(Config, WritesEveryFieldInOrderAndReadably) {
  const std::string text = config_to_json(Config{});
  EXPECT_EQ(text.find("{\n  \"seed\": 0,\n  \"data\": {\n    \"type\": \"shapes\",\n"), 0u) << text;
  EXPECT_NE(text.find("\"beta_start\": 0.0001,\n"), std::string::npos);
  EXPECT_NE(text.find("\"channel_multipliers\": [1, 2, 2, 2],\n"), std::string::npos);
  EXPECT_NE(text.find("\"steps\": 800000,\n"), std::string::npos);
  EXPECT_NE(text.find("\"learning_rates\": {},\n"), std::string::npos);
  EXPECT_LT(text.find("\"diffusion\""), text.find("\"train\""));
  EXPECT_TRUE(text.ends_with("  }\n}\n"));
}

// Files of version 0.1.0 give the shape alone; a kind that is given stands.
TEST(Config, KnowsASampleByItsShapeWhereTheFileGivesNoKind) {
  const auto kind = [](const std::string& model) {
    return parse(R"({"model": )" + model + "}").model.sample_kind;
  };
  EXPECT_EQ(kind(R"({"sample_shape": [3, 32, 32]})"), SampleKind::kImage);
  EXPECT_EQ(kind(R"({"sample_shape": [2, 128]})"), SampleKind::kSignal);
  EXPECT_EQ(kind(R"({"sample_shape": [2]})"), SampleKind::kPoint);
  EXPECT_EQ(kind(R"({"sample_shape": [1, 8, 8], "sample_kind": "float_image"})"),
            SampleKind::kFloatImage);
  EXPECT_EQ(kind("{}"), SampleKind::kUnset);
  EXPECT_EQ(message_of([&] { kind(R"({"sample_shape": [2], "sample_kind": "image"})"); }),
            "x.json: /model/sample_kind: \"image\" has a sample_shape of 3 numbers, got 1");
}

// The structs' sizes change when a field is added: it then wants its line in config_fields.h.
TEST(Config, WritesAsManyFieldsAsTheStructsHave) {
  const auto json = nlohmann::json::parse(config_to_json(Config{}));
  EXPECT_EQ(json["data"].size(), 21u);
  EXPECT_EQ(json["condition"].size(), 11u);
  EXPECT_EQ(json["model"].size(), 31u);
  EXPECT_EQ(json["diffusion"].size(), 23u);
  EXPECT_EQ(json["train"].size(), 35u);
  EXPECT_EQ(json["sample"].size(), 23u);
  EXPECT_EQ(json.size(), 7u);
}

TEST(Override, SetsOneValueOverTheFile) {
  const Config config = parse(R"({"train": {"steps": 5, "batch_size": 6}})",
                              {"train.steps=1000", "train.learning_rate=1e-3", "seed=9",
                               "data.horizontal_flip=true", "model.attention_resolutions=[8,16]"});
  EXPECT_EQ(config.train.steps, 1000);
  EXPECT_EQ(config.train.batch_size, 6);
  EXPECT_EQ(config.train.learning_rate, 1e-3);
  EXPECT_EQ(config.seed, 9u);
  EXPECT_TRUE(config.data.horizontal_flip);
  EXPECT_EQ(config.model.attention_resolutions, (std::vector<int64_t>{8, 16}));
}

TEST(Override, ReplacesAnObjectOfNumbers) {
  const std::string text = R"({"train": {"learning_rates": {"conv_in": 0.5}}})";
  using Rates = std::map<std::string, double>;
  const auto rates = [&](const std::string& value) {
    return parse(text, {"train.learning_rates" + value}).train.learning_rates;
  };
  EXPECT_EQ(rates(R"(={"conv_out.*": 2, "a": 3})"), (Rates{{"a", 3}, {"conv_out.*", 2}}));
  EXPECT_EQ(rates("={}"), Rates{});
  EXPECT_EQ(rates(".conv_out=2"), (Rates{{"conv_out", 2}}));
}

TEST(Override, TakesPlainTextWhereTextIsWanted) {
  EXPECT_EQ(parse("{}", {"model.type=mlp"}).model.type, NetworkType::kMlp);
  EXPECT_EQ(parse("{}", {"model.type=\"mlp\""}).model.type, NetworkType::kMlp);
  EXPECT_EQ(parse("{}", {"data.path=2024"}).data.path, "2024");
  EXPECT_EQ(parse("{}", {"data.path=true"}).data.path, "true");
  EXPECT_EQ(parse("{}", {"data.path=a=b, c"}).data.path, "a=b, c");
  EXPECT_EQ(parse("{}", {"data.path="}).data.path, "");
}

TEST(Override, LetsTheLastOneWin) {
  EXPECT_EQ(parse("{}", {"train.steps=1", "train.steps=2"}).train.steps, 2);
}

// The parts are checked against each other once all overrides are in.
TEST(Override, MayMendAMisfitOfTheFile) {
  EXPECT_EQ(parse(R"({"sample": {"steps": 50}, "diffusion": {"timesteps": 20}})",
                  {"diffusion.timesteps=100"})
                .sample.steps,
            50);
}

TEST(Recipes, AllLoadAndKeepTheirValuesWhenWrittenOut) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("configs")) {
    if (entry.path().extension() != ".json") continue;
    ++found;
    const std::string text = config_to_json(load_config(entry.path()));
    EXPECT_EQ(config_to_json(parse(text)), text) << entry.path();
  }
  EXPECT_GE(found, 5);
}

// What the recipe of Ho et al. (2020), appendix B, differs in from the defaults, and no more.
TEST(Recipes, CifarIsHosRecipe) {
  Config expected;
  expected.data.type = DataType::kCifar10;
  expected.data.horizontal_flip = true;
  expected.train.ema_warmup = false;
  expected.train.sample_every = 20'000;
  expected.train.checkpoint_every = 5000;
  expected.train.keep_every = 100'000;
  EXPECT_EQ(config_to_json(load_config("configs/cifar.json")), config_to_json(expected));
}

}  // namespace diffuse
