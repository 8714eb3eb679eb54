#include "src/model_file/cascade.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/data/condition.h"
#include "src/model_file/draw_samples.h"
#include "src/sample/fitted.h"
#include "tests/distributed/worlds.h"
#include "tests/message_of.h"
#include "tests/oracle_model.h"

namespace diffuse {
namespace {

// Predicts that x_0 is its condition's values, or the last channel of it.
class Echo : public Network {
 public:
  explicit Echo(bool last) : last_(last) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning& given) override {
    const at::Tensor& condition = given.condition;
    return last_ ? condition.narrow(1, condition.size(1) - 1, 1).expand_as(x)
                 : condition.narrow(1, 0, x.size(1));
  }

 private:
  bool last_;
};

Config images(int64_t side) {
  Config config;
  config.model.sample_shape = {3, side, side};
  config.model.sample_kind = SampleKind::kImage;
  config.diffusion.timesteps = 20;
  config.sample.sampler = SamplerKind::kDdim;
  return config;
}

// Of 4 x 4 images of independent numbers.
Model base_model(const Config& config = images(4)) { return oracle_model(config, 0.04, "base.pt"); }

Config second_config(double noise = 0) {
  Config config = images(8);
  config.condition.type = ConditionType::kDownscale;
  config.condition.factor = 2;
  config.condition.noise = noise;
  config.model.condition_channels = noise > 0 ? 4 : 3;
  config.diffusion.prediction = PredictionKind::kX0;
  return config;
}

Model second_model(double noise = 0, bool last = false) {
  return {"second.pt", second_config(noise), std::make_shared<Echo>(last), at::kCPU};
}

Sampling sampling_of(const Model& model) {
  const SampleConfig& config = model.config().sample;
  return {.config = config, .options = model.options(config), .classes = {}};
}

Cascade cascade_of(const Model& second, std::optional<double> noise = {}) {
  const Model base = base_model();
  return make_cascade(base, sampling_of(base), second, noise);
}

// The samples of an echo are the base's, enlarged.
TEST(Cascade, EnlargesTheSamplesOfTheBase) {
  World world;
  const Model base = base_model(), second = second_model();
  const auto keys = consecutive_keys(5, 0, 3);
  const at::Tensor condition = cascade_condition(cascade_of(second), second, keys, 0, world);
  const at::Tensor low = base.sample(keys, base.options(base.config().sample));
  EXPECT_GT(low.std().item<double>(), 0.1);
  EXPECT_TRUE(at::equal(condition, enlarged_condition(second.config().condition, low, 8, 8)));
  GenerateOptions options = second.options(second.config().sample);
  options.condition = condition;
  const at::Tensor drawn = second.sample(second_keys(keys), options),
                   clipped = condition.clamp(-1, 1);
  EXPECT_TRUE(at::allclose(at::avg_pool2d(drawn, {2, 2}), low.clamp(-1, 1), 0, 1e-4));
  EXPECT_TRUE(
      at::allclose(drawn, fitted(second.config().condition, clipped, condition, true), 0, 1e-4));
}

TEST(Cascade, AddsTheNoiseThatIsAskedForAndTellsTheSecondModel) {
  World world;
  const auto keys = consecutive_keys(5, 0, 400);
  const Model plain = second_model(), noisy = second_model(0.5);
  const at::Tensor clean = cascade_condition(cascade_of(plain), plain, keys, 0, world);
  for (const auto& [noise, wanted] : {std::pair(std::optional<double>(), 0.25),
                                      {std::optional(0.1), 0.1},
                                      {std::optional(0.0), 0.0}}) {
    const at::Tensor condition = cascade_condition(cascade_of(noisy, noise), noisy, keys, 0, world);
    ASSERT_EQ(condition.sizes(), at::IntArrayRef({400, 4, 8, 8}));
    const at::Tensor added = condition.narrow(1, 0, 3) - clean;
    EXPECT_NEAR(added.std().item<double>(), wanted, 0.01 * wanted + 1e-9);
    EXPECT_TRUE(at::allclose(condition.select(1, 3), at::full({400, 8, 8}, wanted / 0.5)));
  }
}

// However they are drawn: in batches or by several processes.
TEST(Cascade, ImageIsAFunctionOfTheSeedAndItsNumber) {
  World world;
  const Model second = second_model(0.5);
  const Cascade cascade = cascade_of(second);
  const auto keys = consecutive_keys(5, 0, 5);
  const at::Tensor all = cascade_condition(cascade, second, keys, 0, world);
  const auto part = std::span(keys).subspan(2, 2);
  EXPECT_TRUE(at::allclose(cascade_condition(cascade, second, part, 2, world), all.slice(0, 2, 4),
                           0, 1e-5));
  const auto thrown = testing_distributed::run_worlds(2, [&](World& both) {
    EXPECT_TRUE(at::allclose(cascade_condition(cascade, second, keys, 0, both), all, 0, 1e-5));
  });
  for (const std::string& what : thrown) EXPECT_EQ(what, "");
}

TEST(Cascade, KeysOfTheSecondModelAreOthers) {
  const std::vector<StreamKey> keys{{3, 0}, {4, 9}}, others = second_keys(keys);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(others[i].seed, keys[i].seed);
    EXPECT_NE(others[i].index, keys[i].index);
  }
}

std::string refusal(const Config& base, const Config& second, std::optional<double> noise = {}) {
  const Model one = base_model(base);
  const Model other{"second.pt", second, std::make_shared<Echo>(false), at::kCPU};
  return message_of([&] { make_cascade(one, sampling_of(one), other, noise); });
}

TEST(Cascade, RefusesModelsThatDoNotFit) {
  EXPECT_EQ(
      refusal(images(4), images(8)),
      "--cascade: expected a second model with the /condition/type downscale, got \"none\" of "
      "second.pt");
  EXPECT_EQ(refusal(images(2), second_config()),
            "--cascade: second.pt enlarges images of 3 x 4 x 4, but base.pt makes samples of 3 x 2 "
            "x 2");
  Config normalised = images(4);
  normalised.data.normalize = true;
  normalised.data.mean = {0, 0, 0};
  normalised.data.std = {1, 1, 1};
  normalised.sample.clip_x0 = false;
  EXPECT_EQ(refusal(normalised, second_config()),
            "--cascade: base.pt and second.pt make images in different units: expected the same "
            "/data/normalize, /data/range and /model/sample_kind");
  Config three = images(4), five = second_config();
  three.model.classes = 3;
  five.model.classes = 5;
  EXPECT_EQ(refusal(three, five), "--cascade: base.pt and second.pt have different classes");
  EXPECT_EQ(refusal(images(4), second_config(0.3), 0.4),
            "--cascade-noise: expected 0 to 0.3, the /condition/noise that second.pt was trained "
            "with, got 0.4");
  EXPECT_EQ(refusal(images(4), second_config(), 0.1).substr(0, 33),
            "--cascade-noise: expected 0 to 0,");
  EXPECT_EQ(refusal(images(4), second_config(0.3), 0.3), "");
}

}  // namespace
}  // namespace diffuse
