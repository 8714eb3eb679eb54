// Every mistake is answered by one exact line.
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {

struct Mistake {
  std::string text;
  std::string message;  // after "x.json: "
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.text.substr(0, 80); }

class ConfigMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ConfigMistake, IsNamedInOneLine) {
  EXPECT_EQ(message_of([] { parse_config(GetParam().text, "x.json"); }),
            "x.json: " + GetParam().message);
}

static const Mistake kSyntax[] = {
    {"", "expected a JSON object, got an empty file"},
    {" \n\t", "expected a JSON object, got an empty file"},
    {"[1, 2]", "expected an object, got [1,2]"},
    {"null", "expected an object, got null"},
    {"\"train\"", "expected an object, got \"train\""},
    {"{", "line 1, column 2: not JSON: unexpected end of input; expected string literal"},
    {"{\"seed\": 1", "line 1, column 11: not JSON: unexpected end of input; expected '}'"},
    {"{\"seed\": 1,}", "line 1, column 12: not JSON: unexpected '}'; expected string literal"},
    {"{\n  \"seed\" 1\n}", "line 2, column 10: not JSON: unexpected number literal; expected ':'"},
    {"{\"seed\": 1} 2",
     "line 1, column 13: not JSON: unexpected number literal; expected end of input"},
    {"{\"_comment\": \"é\", x}",
     "line 1, column 19: not JSON: invalid literal; last read: '\"é\", x'; expected string "
     "literal"},
    {"{\"_comment\": \"a\nb\"}",
     "line 1, column 16: not JSON: invalid string: control character U+000A (LF) must be escaped "
     "to \\u000A or \\n; last read: '\"a<U+000A>'"},
    {"{\"seed\": 1e999}", "not JSON: number overflow parsing '1e999'"},
    {"{\"seed\": 1, \"train\": {}, \"seed\": 2}", "/seed: duplicate key"},
    {R"({"train": {"steps": 1, "batch_size": 1, "steps": 1}})", "/train/steps: duplicate key"},
    {R"({"train": {}, "model": {}, "train": {}})", "/train: duplicate key"},
    {R"({"_comment": {"a": 1, "a": 1}})", "/_comment/a: duplicate key"},
    {std::string(40, '['), "nested deeper than 32 levels"},
};

static const Mistake kKeys[] = {
    {R"({"train": {"step": 3}})", R"(/train/step: unknown key; did you mean "steps"?)"},
    {R"({"model": {"chanels": 3}})", R"(/model/chanels: unknown key; did you mean "channels"?)"},
    {R"({"tarin": {}})", R"(/tarin: unknown key; did you mean "train"?)"},
    {R"({"train": {"timesteps": 3}})",
     "/train/timesteps: unknown key; did you mean /diffusion/timesteps?"},
    {R"({"steps": 3})", "/steps: unknown key; did you mean /train/steps or /sample/steps?"},
    {R"({"model": {"seed": 3}})", "/model/seed: unknown key; did you mean /seed?"},
    {R"({"train": {"zzzzzzzzzzzz": 3}})", "/train/zzzzzzzzzzzz: unknown key"},
    {R"({"train": {"$schema": "a"}})", "/train/$schema: unknown key"},
    {R"({"": 3})", R"(/: unknown key)"},
    {R"({"a\n\u0000\"": 3})", R"(/a\n\u0000\": unknown key)"},
    {R"({"_comment": {"a\n": 3, "a\n": 3}})", R"(/_comment/a\n: duplicate key)"},
};

static const Mistake kKinds[] = {
    {R"({"train": {"learning_rates": 3}})",
     "/train/learning_rates: expected an object of numbers > 0, got 3"},
    {R"({"train": {"learning_rates": {"conv_in": 0}}})",
     "/train/learning_rates/conv_in: expected a number > 0, got 0"},
    {R"({"train": {"freeze": ["conv_in"], "train_only": ["conv_out"]}})",
     "/train/train_only: expected none with freeze; one of the two says what is trained"},
    {R"({"train": 3})", "/train: expected an object, got 3"},
    {R"({"model": []})", "/model: expected an object, got []"},
    {R"({"train": {"batch_size": 1.5}})", "/train/batch_size: expected an integer >= 1, got 1.5"},
    {R"({"train": {"steps": 1e30}})", "/train/steps: expected an integer >= 0, got 1e+30"},
    {R"({"seed": 9007199254740993.0})",
     "/seed: expected an integer >= 0 with all digits, got 9.007199254740992e+15"},
    {R"({"train": {"batch_size": true}})", "/train/batch_size: expected an integer >= 1, got true"},
    {R"({"train": {"batch_size": "128"}})",
     "/train/batch_size: expected an integer >= 1, got \"128\""},
    {R"({"train": {"batch_size": null}})", "/train/batch_size: expected an integer >= 1, got null"},
    {R"({"train": {"learning_rate": false}})",
     "/train/learning_rate: expected a number > 0, got false"},
    {R"({"data": {"horizontal_flip": 1}})", "/data/horizontal_flip: expected true or false, got 1"},
    {R"({"data": {"path": 3}})", "/data/path: expected text, got 3"},
    {R"({"model": {"type": 3}})",
     "/model/type: expected one of unet, mlp, gaussian_oracle, mixture_oracle, got 3"},
    {R"({"model": {"attention_resolutions": 16}})",
     "/model/attention_resolutions: expected a list of integers >= 1, got 16"},
    {R"({"model": {"attention_resolutions": [16, "8"]}})",
     "/model/attention_resolutions/1: expected an integer >= 1, got \"8\""},
    {R"({"data": {"path": {"a": ["a long value is cut", "where a line would no longer hold it"]}}})",
     R"(/data/path: expected text, got {"a":["a long value is cut","where a line would no longer ho...)"},
};

static const Mistake kRanges[] = {
    {R"({"seed": -1})", "/seed: expected an integer >= 0, got -1"},
    {R"({"seed": 18446744073709551616})",
     "/seed: expected an integer >= 0, got 1.8446744073709552e+19"},
    {R"({"train": {"steps": 9223372036854775808}})",
     "/train/steps: expected an integer <= 9223372036854775807, got 9223372036854775808"},
    {R"({"train": {"batch_size": 0}})", "/train/batch_size: expected an integer >= 1, got 0"},
    {R"({"train": {"learning_rate": 0}})", "/train/learning_rate: expected a number > 0, got 0"},
    {R"({"train": {"ema_decay": 1}})", "/train/ema_decay: expected a number in [0, 1), got 1"},
    {R"({"train": {"label_dropout": 1.1}})",
     "/train/label_dropout: expected a number in [0, 1], got 1.1"},
    {R"({"diffusion": {"timesteps": 1000001}})",
     "/diffusion/timesteps: expected an integer in [1, 1000000], got 1000001"},
    {R"({"diffusion": {"beta_start": 0}})",
     "/diffusion/beta_start: expected a number in (0, 1), got 0"},
    {R"({"diffusion": {"schedule": "betas", "betas": [0.1, 1.0]}})",
     "/diffusion/betas/1: expected a number in (0, 1), got 1.0"},
    {R"({"model": {"channel_multipliers": []}})",
     "/model/channel_multipliers: expected a list of 1 to 8 integers in [1, 64], got []"},
    {R"({"model": {"channel_multipliers": [1, 0]}})",
     "/model/channel_multipliers/1: expected an integer in [1, 64], got 0"},
    {R"({"model": {"channel_multipliers": [1, 1, 1, 1, 1, 1, 1, 1, 1]}})",
     "/model/channel_multipliers: expected a list of 1 to 8 integers in [1, 64], got "
     "[1,1,1,1,1,1,1,1,1]"},
    {R"({"model": {"hidden": 0}})", "/model/hidden: expected an integer in [1, 65536], got 0"},
};

static const Mistake kWords[] = {
    {R"({"model": {"type": "unett"}})",
     R"(/model/type: expected one of unet, mlp, gaussian_oracle, mixture_oracle, got "unett"; did you mean "unet"?)"},
    {R"({"model": {"type": ""}})",
     R"(/model/type: expected one of unet, mlp, gaussian_oracle, mixture_oracle, got "")"},
    {R"({"train": {"precision": "float"}})",
     R"(/train/precision: expected one of fp32, bf16, fp16, auto, got "float")"},
    {R"({"sample": {"sampler": "DDIM"}})",
     R"(/sample/sampler: expected one of ddpm, ddim, dpmpp2m, dpmpp2m-sde, heun, euler, ancestral, rk4, dopri5, unipc, pc, got "DDIM")"},
    {R"({"diffusion": {"prediction": "eps"}})",
     R"(/diffusion/prediction: expected one of epsilon, x0, v, mu, flow, edm, score, got "eps"; did you mean "edm"?)"},
};

static const Mistake kMisfits[] = {
    {R"({"diffusion": {"beta_start": 0.03}})",
     "/diffusion/beta_start: expected at most beta_end, which is 0.02, got 0.03"},
    {R"({"diffusion": {"schedule": "betas"}})",
     "/diffusion/betas: expected a list of T numbers for the schedule \"betas\", got none"},
    {R"({"diffusion": {"betas": [0.1]}})",
     "/diffusion/betas: expected no list with the schedule \"linear\"; use the schedule \"betas\""},
    {R"({"diffusion": {"schedule": "betas", "betas": [0.1, 0.2], "timesteps": 3}})",
     "/diffusion/timesteps: expected 2, the number of betas, got 3"},
    {R"({"model": {"channels": 48}})",
     "/model/channels: expected a multiple of norm_groups, which is 32, got 48"},
    {R"({"model": {"attention_heads": 3}})",
     "/model/channels: expected a multiple of attention_heads, which is 3, got 128"},
    {R"({"train": {"batch_size": 10, "micro_batch": 4}})",
     "/train/batch_size: expected a multiple of micro_batch, which is 4, got 10"},
    {R"({"sample": {"steps": 1001}})",
     "/sample/steps: expected at most the 1000 timesteps of /diffusion, got 1001"},
    {R"({"data": {"channels": 2}})", "/data/channels: expected 0, 1 or 3, got 2"},
    {R"({"data": {"type": "gaussian_mixture"}})",
     "/data/means: expected 2 numbers per component, got 0"},
    {R"({"data": {"type": "gaussian_mixture", "means": [1, 2, 3]}})",
     "/data/means: expected 2 numbers per component, got 3"},
    {R"({"data": {"type": "gaussian_mixture", "means": [1, 2, 3, 4], "weights": [1]}})",
     "/data/weights: expected 2, one per component, got 1"},
    {R"({"data": {"normalize": true}})",
     "/sample/clip_x0: expected false with /data/normalize: normalised data are not in [-1, 1]"},
    {R"({"data": {"mean": [0], "std": [1]}})",
     "/data/mean: expected none without normalize or range"},
    {R"({"data": {"type": "array", "range": [1]}})",
     "/data/range: expected two numbers, the lower one first, got 1 number"},
    {R"({"data": {"type": "array", "range": [255, 0]}})",
     "/data/range: expected two numbers, the lower one first, got 255, 0"},
    {R"({"data": {"type": "array", "range": [0, 1], "normalize": true}, "sample": {"clip_x0": false}})",
     "/data/range: expected none with normalize, which sets the scale"},
    {R"({"data": {"type": "cifar10", "range": [0, 255]}})",
     "/data/range: expected none, as cifar10 has its own units; it is for arrays"},
    {R"({"model": {"class_names": ["cat", "cat"]}})",
     "/model/class_names: expected distinct names, got \"cat\" twice"},
    {R"({"model": {"class_names": [""]}})",
     "/model/class_names: expected distinct names, got \"\""},
    {R"({"model": {"classes": 3, "class_names": ["cat", "dog"]}})",
     "/model/class_names: expected 3, one per class, got 2"},
    {R"({"data": {"mean": [0]}})", "/data/mean: expected as many numbers as in std, 0, got 1"},
    {R"({"diffusion": {"prediction": "edm"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/prediction: "edm" needs continuous time, but the process ddpm is a chain of timesteps; use v, or another process)"},
    {R"({"diffusion": {"prediction": "score"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/prediction: "score" needs continuous time, but the process ddpm is a chain of timesteps; use epsilon, or another process)"},
    {R"({"diffusion": {"timestep_sampler": "log_normal"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/timestep_sampler: "log_normal" needs continuous time, but the process ddpm is a chain of timesteps; use stratified)"},
    {R"({"diffusion": {"process": "vp", "prediction": "mu"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/prediction: "mu" is the mean of the chain's step; use x0 on the process vp)"},
    {R"({"diffusion": {"process": "edm", "prediction": "v"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/prediction: "v" on the process edm grows with sigma; use edm)"},
    {R"({"diffusion": {"process": "flow"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/prediction: "epsilon" cannot give x_0 at t = 1 of flow, where no signal is left; use flow)"},
    {R"({"diffusion": {"process": "vp", "variance": "learned"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/variance: "learned" is for the chain's steps; use fixed_large or fixed_small)"},
    {R"({"diffusion": {"process": "vp", "loss": "vlb"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/loss: "vlb" is the bound of a chain; use vlb_weighted on the process vp)"},
    {R"({"diffusion": {"process": "vp", "timestep_sampler": "importance"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/timestep_sampler: "importance" keeps losses of the chain's timesteps; use stratified)"},
    {R"({"diffusion": {"process": "ve", "timestep_sampler": "logit_normal"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/timestep_sampler: "logit_normal" needs times from 0 to 1; use log_normal on the process ve)"},
    {R"({"diffusion": {"process": "vp", "schedule": "cosine"}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/schedule: "cosine" is for the chain; the process vp has none)"},
    {R"({"diffusion": {"process": "vp", "beta_min": 30}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/beta_min: expected at most beta_max, which is 20, got 30)"},
    {R"({"diffusion": {"process": "edm", "sigma_min": 100}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/sigma_min: expected below sigma_max, which is 80, got 100)"},
    {R"({"diffusion": {"process": "ve", "sigma_min": 2, "sigma_max": 2}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/sigma_min: expected below sigma_max, which is 2, got 2)"},
    {R"({"diffusion": {"sigma_max": 2}, "sample": {"sampler": "heun"}})",
     R"(/diffusion/sigma_max: expected 0, as the process ddpm has none; it is for ve and edm)"},
    {R"({"diffusion": {"process": "edm", "prediction": "edm"}, "sample": {}})",
     R"(/sample/sampler: "ddpm" needs a discrete chain, but the time of edm is continuous; use ancestral, its counterpart, or heun)"},
    {R"({"diffusion": {"process": "vp"}, "sample": {"sampler": "euler", "spacing": "leading"}})",
     R"(/sample/spacing: "leading" needs discrete timesteps, but the time of vp is continuous; use trailing, uniform or karras)"},
    {R"({"diffusion": {"process": "vp"}, "sample": {"sampler": "euler", "skip_zero": true}})",
     R"(/sample/skip_zero: needs discrete timesteps, but the time of vp is continuous; leave it out)"},
    {R"({"train": {"optimizer": "muon", "shard_optimizer": true}})",
     R"(/train/shard_optimizer: expected false with the optimizer muon, which needs whole matrices in every process)"},
    {R"({"train": {"learning_rate_schedule": "cosine", "decay_start": 5}})",
     R"(/train/decay_start: expected 0 with the learning_rate_schedule cosine; it is for inverse_sqrt and trapezoid)"},
    {R"({"train": {"steps": 10, "learning_rate_schedule": "trapezoid", "decay_start": 11}})",
     R"(/train/decay_start: expected at most steps, which is 10, got 11)"},
    {R"({"sample": {"sampler": "euler", "churn": 1}})",
     R"(/sample/churn: needs the sampler heun, /sample/sampler is "euler")"},
    {R"({"sample": {"sampler": "heun", "churn": 1, "churn_min": 3, "churn_max": 2}})",
     R"(/sample/churn_min: expected at most churn_max, which is 2, got 3)"},
    {R"({"condition": {"path": "v.npy"}})",
     R"(/condition/path: expected the type image or vector with it, got none)"},
    {R"({"condition": {"type": "grey"}, "model": {"type": "gaussian_oracle"}})",
     R"(/condition/type: expected none, as gaussian_oracle knows no condition)"},
    {R"({"condition": {"type": "vector", "path": "v.npy"}})",
     R"(/condition/type: "vector" is stored beside each item of an array or image_folder; /data/type is "shapes")"},
    {R"({"condition": {"type": "vector"}, "data": {"type": "array"}})",
     R"(/condition/path: vector needs one, for example --set condition.path=FILE)"},
    {R"({"condition": {"type": "grey"}, "data": {"normalize": true}, "sample": {"clip_x0": false}})",
     R"(/condition/type: "grey" needs the data's own colours; expected data.normalize false)"},
    {R"({"condition": {"type": "mask", "noise": 0.5}})",
     R"(/condition/noise: expected 0 with the type mask; it is for downscale, grey and image)"},
    {R"({"condition": {"type": "mask", "mask": "forecast"}})",
     R"(/condition/horizon: forecast needs the number of unknown steps, for example --set condition.horizon=24)"},
    {R"({"condition": {"type": "mask", "horizon": 3}})",
     R"(/condition/horizon: expected 0 without the type mask and the mask forecast)"},
    {R"({"condition": {"type": "mask", "share": 0}})",
     R"(/condition/share: expected above 0 with the mask boxes)"},
    {R"({"condition": {"type": "mask"}, "diffusion": {"variance": "learned_range"}})",
     R"(/diffusion/variance: "learned_range" is learned for known values too; use fixed_small with the condition mask)"},
    {R"({"condition": {"type": "mask"}, "diffusion": {"variance": "fixed_small", "loss": "vlb"}})",
     R"(/diffusion/loss: "vlb" is a bound of known values too; use vlb_weighted or another with the condition mask)"},
    {R"({"condition": {"mean": [1]}})",
     R"(/condition/mean: expected as many numbers as in std, 0, got 1)"},
    {R"({"sample": {"guidance_interval": [2, 1]}})",
     R"(/sample/guidance_interval: expected two numbers, the lower one first, got 2, 1)"},
};

INSTANTIATE_TEST_SUITE_P(Syntax, ConfigMistake, testing::ValuesIn(kSyntax));
INSTANTIATE_TEST_SUITE_P(Keys, ConfigMistake, testing::ValuesIn(kKeys));
INSTANTIATE_TEST_SUITE_P(Kinds, ConfigMistake, testing::ValuesIn(kKinds));
INSTANTIATE_TEST_SUITE_P(Ranges, ConfigMistake, testing::ValuesIn(kRanges));
INSTANTIATE_TEST_SUITE_P(Words, ConfigMistake, testing::ValuesIn(kWords));
INSTANTIATE_TEST_SUITE_P(Misfits, ConfigMistake, testing::ValuesIn(kMisfits));

// Only what a schedule or a network uses is checked.
TEST(ConfigMisfit, IsNoneWhereThePartIsUnused) {
  for (
      const char* text :
      {R"({"diffusion": {"schedule": "constant", "beta_start": 0.03}})",
       R"({"diffusion": {"schedule": "cosine", "beta_start": 0.03}})",
       R"({"model": {"type": "mlp", "channels": 48}})",
       R"({"model": {"type": "gaussian_oracle"}, "diffusion": {"prediction": "v"}})",
       R"({"diffusion": {"process": "vp", "timesteps": 10}, "sample": {"sampler": "heun", "steps": 20}})",
       R"({"train": {"steps": 10, "warmup_steps": 5000}})", R"({"sample": {"steps": 1000}})"})
    EXPECT_EQ(message_of([&] { parse_config(text, "x.json"); }), "") << text;
}

struct BadOverride {
  std::string text;
  std::string message;  // after "--set TEXT: "
};

TEST(Override, NamesItselfInMessages) {
  const BadOverride table[] = {
      {"train.step=3", R"(/train/step: unknown key; did you mean "steps"?)"},
      {"steps=3", "/steps: unknown key; did you mean /train/steps or /sample/steps?"},
      {"model.class_names=[1]", "/model/class_names/0: expected text, got 1"},
      {"model.class_names=cat", "/model/class_names: expected a list of texts, got \"cat\""},
      {"train.steps=abc", "/train/steps: expected an integer >= 0, got \"abc\""},
      {"train.steps=", "/train/steps: expected an integer >= 0, got \"\""},
      {"train.steps=1.5", "/train/steps: expected an integer >= 0, got 1.5"},
      {"train.steps=\"10\"", "/train/steps: expected an integer >= 0, got \"10\""},
      {"seed=18446744073709551616", "/seed: expected an integer >= 0, got 1.8446744073709552e+19"},
      {"train.steps=-1", "/train/steps: expected an integer >= 0, got -1"},
      {"train.steps.x=3", "/train/steps: expected an integer >= 0, got {\"x\":3}"},
      {"train=3", "/train: expected an object, got 3"},
      {"data.horizontal_flip=yes", "/data/horizontal_flip: expected true or false, got \"yes\""},
      {"model.type=unett",
       R"(/model/type: expected one of unet, mlp, gaussian_oracle, mixture_oracle, got "unett"; did you mean "unet"?)"},
      {"model.attention_resolutions=[8,16",
       "/model/attention_resolutions: expected a list of integers >= 1, got \"[8,16\""},
      {"train={\"steps\":1,\"steps\":2}", "/steps: duplicate key"},
      {"train.steps", "expected PATH=VALUE, for example train.steps=1000"},
      {"=3", "expected PATH=VALUE, for example train.steps=1000"},
      {"train..steps=3", "expected PATH=VALUE, for example train.steps=1000"},
      {"train.=3", "expected PATH=VALUE, for example train.steps=1000"},
      {"", "expected PATH=VALUE, for example train.steps=1000"},
      {"data.path=\xff", "expected UTF-8 text"},
      {"data.\xff=1", "expected UTF-8 text"},
  };
  for (const BadOverride& bad : table) {
    EXPECT_EQ(message_of([&] { parse_config("{}", "x.json", {bad.text}); }),
              "--set " + bad.text + ": " + bad.message);
  }
}

// -- files --

class ConfigFile : public testing::Test {
 protected:
  std::string write(const std::string& text) const {
    const auto file = folder_.path() / "config.json";
    write_file(file, text);
    return file.string();
  }

  static std::string load(const std::filesystem::path& file) {
    return message_of([&] { load_config(file); });
  }

 private:
  const TestFolder folder_;
};

TEST_F(ConfigFile, IsNamedAsItWasGiven) {
  EXPECT_EQ(load("no_such_folder/cifar.json"), "no_such_folder/cifar.json: no such file");
  const std::string file = write("{\"seed\": -1}");
  EXPECT_EQ(load(file), file + ": /seed: expected an integer >= 0, got -1");
}

TEST_F(ConfigFile, MayNotBeAFolder) {
  EXPECT_EQ(load("configs"), "configs: expected a file, got a folder");
}

TEST_F(ConfigFile, MustBeReadable) {
  const std::string name(300, 'x');
  EXPECT_EQ(load(name), name + ": cannot be read (File name too long)");
}

TEST_F(ConfigFile, MayNotBeEmpty) {
  const std::string file = write("");
  EXPECT_EQ(load(file), file + ": expected a JSON object, got an empty file");
}

TEST_F(ConfigFile, MayNotBeHuge) {
  const std::string limit(size_t{16} << 20, ' ');
  const std::string file = write(limit + "{}");
  EXPECT_EQ(load(file), file + ": larger than 16 MiB, so not a config");
  write("{}" + limit.substr(2));  // exactly the limit
  EXPECT_EQ(load(file), "");
}

}  // namespace diffuse
