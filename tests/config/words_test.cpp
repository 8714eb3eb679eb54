#include "diffuse/config/words.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "diffuse/config/config_json.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

using nlohmann::json;
using List = std::vector<std::string>;

int fields_with_words() {
  int count = 0;
  const json schema = json::parse(config_schema());
  for (const json& section : schema["properties"])
    if (section.contains("properties"))
      for (const json& field : section["properties"]) count += field.contains("enum");
  return count;
}

// A field is written in the words of its table, which are those of the schema, and no others are read.
template <class Field>
void expect_words(const std::string& section, const std::string& key, const Field& field,
                  const List& words, const std::string& refused) {
  SCOPED_TRACE(section + "." + key);
  using Enum = std::remove_reference_t<decltype(field(std::declval<Config&>()))>;
  EXPECT_EQ(words_of<Enum>(), words);
  const json schema = json::parse(config_schema())["properties"][section]["properties"][key];
  EXPECT_EQ(schema["enum"], json(words));
  EXPECT_EQ(schema["type"], "string");
  for (const auto& entry : Words<Enum>::list) {
    Config config;
    field(config) = entry.value;
    EXPECT_EQ(json::parse(config_to_json(config))[section][key], entry.text);
    EXPECT_EQ(find_word<Enum>(entry.text), entry.value);
  }
  const json document{{section, {{key, "|" + words.back() + "|"}}}};
  EXPECT_EQ(message_of([&] { parse_config(document.dump(), "x.json"); }),
            "x.json: /" + section + "/" + key + ": " + refused);
}

#define FIELD(name) \
  [](Config & c) -> auto& { return c.name; }

TEST(Words, OfEveryFieldAreThoseOfTheSchema) {  // NOLINT(readability-function-size): a table
  EXPECT_EQ(fields_with_words(), 23);
  expect_words(
      "data", "type", FIELD(data.type),
      {"swiss_roll", "gaussian", "gaussian_mixture", "waveforms", "autoregressive", "shapes",
       "mnist", "cifar10", "image_folder", "array"},
      "expected one of swiss_roll, gaussian, gaussian_mixture, waveforms, autoregressive, "
      "shapes, mnist, cifar10, image_folder, array, got \"|array|\"; did you mean \"array\"?");
  expect_words("data", "on_error", FIELD(data.on_error), {"refuse", "skip"},
               "expected one of refuse, skip, got \"|skip|\"; did you mean \"skip\"?");
  expect_words("condition", "type", FIELD(condition.type),
               {"none", "downscale", "grey", "mask", "image", "vector"},
               "expected one of none, downscale, grey, mask, image, vector, got \"|vector|\"; did "
               "you mean \"vector\"?");
  expect_words("condition", "mask", FIELD(condition.mask),
               {"boxes", "centre", "random", "forecast", "channels"},
               "expected one of boxes, centre, random, forecast, channels, got \"|channels|\"; did "
               "you mean \"channels\"?");
  expect_words("model", "type", FIELD(model.type),
               {"unet", "mlp", "gaussian_oracle", "mixture_oracle"},
               "expected one of unet, mlp, gaussian_oracle, mixture_oracle, got "
               "\"|mixture_oracle|\"; did you mean \"mixture_oracle\"?");
  expect_words("model", "time_embedding", FIELD(model.time_embedding), {"sin_cos", "cos_sin"},
               "expected one of sin_cos, cos_sin, got \"|cos_sin|\"; did you mean \"cos_sin\"?");
  expect_words("model", "downsample_padding", FIELD(model.downsample_padding), {"end", "both"},
               "expected one of end, both, got \"|both|\"; did you mean \"both\"?");
  expect_words("model", "sample_kind", FIELD(model.sample_kind),
               {"", "image", "float_image", "signal", "point"},
               "expected one of image, float_image, signal, point, got \"|point|\"; did you mean "
               "\"point\"?");
  expect_words("diffusion", "process", FIELD(diffusion.process),
               {"ddpm", "vp", "subvp", "ve", "edm", "flow"},
               "expected one of ddpm, vp, subvp, ve, edm, flow, got \"|flow|\"; did you mean "
               "\"flow\"?");
  expect_words("diffusion", "schedule", FIELD(diffusion.schedule),
               {"linear", "quadratic", "constant", "cosine", "jsd", "warmup10", "warmup50",
                "sigmoid", "sigmoid_jabri", "betas"},
               "expected one of linear, quadratic, constant, cosine, jsd, warmup10, warmup50, "
               "sigmoid, sigmoid_jabri, betas, got \"|betas|\"; did you mean \"betas\"?");
  expect_words("diffusion", "prediction", FIELD(diffusion.prediction),
               {"epsilon", "x0", "v", "mu", "flow", "edm", "score"},
               "expected one of epsilon, x0, v, mu, flow, edm, score, got \"|score|\"; did you "
               "mean \"score\"?");
  expect_words("diffusion", "variance", FIELD(diffusion.variance),
               {"fixed_large", "fixed_small", "learned", "learned_range"},
               "expected one of fixed_large, fixed_small, learned, learned_range, got "
               "\"|learned_range|\"; did you mean \"learned_range\"?");
  expect_words("diffusion", "loss", FIELD(diffusion.loss),
               {"simple", "vlb_weighted", "vlb", "hybrid", "min_snr", "edm", "mse"},
               "expected one of simple, vlb_weighted, vlb, hybrid, min_snr, edm, mse, got "
               "\"|mse|\"; did you mean \"mse\"?");
  expect_words("diffusion", "timestep_sampler", FIELD(diffusion.timestep_sampler),
               {"uniform", "stratified", "importance", "log_normal", "logit_normal"},
               "expected one of uniform, stratified, importance, log_normal, logit_normal, got "
               "\"|logit_normal|\"; did you mean \"logit_normal\"?");
  expect_words("diffusion", "loss_weighting", FIELD(diffusion.loss_weighting), {"none", "learned"},
               "expected one of none, learned, got \"|learned|\"; did you mean \"learned\"?");
  expect_words("train", "optimizer", FIELD(train.optimizer), {"adam", "adamw", "muon"},
               "expected one of adam, adamw, muon, got \"|muon|\"; did you mean \"muon\"?");
  expect_words("train", "learning_rate_schedule", FIELD(train.learning_rate_schedule),
               {"constant", "cosine", "linear", "inverse_sqrt", "trapezoid"},
               "expected one of constant, cosine, linear, inverse_sqrt, trapezoid, got "
               "\"|trapezoid|\"; did you mean \"trapezoid\"?");
  expect_words("train", "tf32", FIELD(train.tf32), {"off", "convolutions", "all"},
               "expected one of off, convolutions, all, got \"|all|\"; did you mean \"all\"?");
  expect_words("train", "cuda_graph", FIELD(train.cuda_graph), {"auto", "off"},
               "expected one of auto, off, got \"|off|\"; did you mean \"off\"?");
  expect_words("train", "precision", FIELD(train.precision), {"fp32", "bf16", "fp16", "auto"},
               "expected one of fp32, bf16, fp16, auto, got \"|auto|\"; did you mean \"auto\"?");
  expect_words("sample", "sampler", FIELD(sample.sampler),
               {"ddpm", "ddim", "dpmpp2m", "dpmpp2m-sde", "heun", "euler", "ancestral", "rk4",
                "dopri5", "unipc", "pc"},
               "expected one of ddpm, ddim, dpmpp2m, dpmpp2m-sde, heun, euler, ancestral, rk4, "
               "dopri5, unipc, pc, got \"|pc|\"; did you mean \"pc\"?");
  expect_words("sample", "spacing", FIELD(sample.spacing),
               {"auto", "leading", "trailing", "uniform", "quadratic", "karras"},
               "expected one of auto, leading, trailing, uniform, quadratic, karras, got "
               "\"|karras|\"; did you mean \"karras\"?");
  expect_words("sample", "ddim_epsilon", FIELD(sample.ddim_epsilon), {"clipped", "network"},
               "expected one of clipped, network, got \"|network|\"; did you mean \"network\"?");
}

#undef FIELD

TEST(Words, StandForTheValuesTheyName) {
  EXPECT_EQ(word_of(DataType::kImageFolder), "image_folder");
  EXPECT_EQ(word_of(ConditionType::kGrey), "grey");
  EXPECT_EQ(word_of(MaskKind::kForecast), "forecast");
  EXPECT_EQ(word_of(NetworkType::kMixtureOracle), "mixture_oracle");
  EXPECT_EQ(word_of(SampleKind::kFloatImage), "float_image");
  EXPECT_EQ(word_of(ProcessKind::kSubvp), "subvp");
  EXPECT_EQ(word_of(ScheduleKind::kSigmoidJabri), "sigmoid_jabri");
  EXPECT_EQ(word_of(PredictionKind::kX0), "x0");
  EXPECT_EQ(word_of(VarianceKind::kLearnedRange), "learned_range");
  EXPECT_EQ(word_of(LossKind::kMinSnr), "min_snr");
  EXPECT_EQ(word_of(TimestepLaw::kLogitNormal), "logit_normal");
  EXPECT_EQ(word_of(SamplerKind::kDpmpp2mSde), "dpmpp2m-sde");
  EXPECT_EQ(word_of(Spacing::kQuadratic), "quadratic");
  EXPECT_EQ(flow_samplers(), (List{"ddim", "dpmpp2m", "heun", "euler", "rk4", "dopri5", "unipc"}));
}

}  // namespace
}  // namespace diffuse
