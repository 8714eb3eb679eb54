#include "src/eval/crps.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "diffuse/core/random_tensor.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"
#include "tests/distributed/worlds.h"
#include "tests/fixed_items.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

// σ (z (2 Φ(z) - 1) + 2 φ(z) - 1 / √π) with z = (y - μ) / σ                     [Gneiting07] eq. 21 ff.
double of_gaussian(double mean, double std, double y) {
  const double z = (y - mean) / std;
  const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  return std *
         (z * std::erf(z / std::numbers::sqrt2) + 2 * density - 1 / std::sqrt(std::numbers::pi));
}

double fair(const std::vector<double>& samples, double truth) {
  return fair_crps(at::tensor(samples, at::kDouble).view({-1, 1}),
                   at::full({1}, truth, at::kDouble))
      .item<double>();
}

// By hand: two samples 0 and 1 are 1 apart, so half their mean distance is 1/2; three, 0, 1 and 3, have the mean
// distance (1 + 3 + 2) / 3 = 2.
TEST(FairCrps, OfSmallEnsembles) {
  EXPECT_DOUBLE_EQ(fair({0, 1}, 0.5), 0.5 - 0.5);
  EXPECT_DOUBLE_EQ(fair({1, 0}, 3), 2.5 - 0.5);
  EXPECT_DOUBLE_EQ(fair({3, 0, 1}, 1), (2.0 + 1 + 0) / 3 - 1);
  EXPECT_DOUBLE_EQ(fair({3, 0, 1}, -1), (4.0 + 1 + 2) / 3 - 1);
  EXPECT_DOUBLE_EQ(fair({2, 2, 2}, 5), 3);
}

TEST(FairCrps, KeepsTheShapeOfTheTruth) {
  const at::Tensor samples = at::arange(24, at::kDouble).cos().view({4, 2, 3}),
                   truth = at::arange(6, at::kDouble).sin().view({2, 3});
  const at::Tensor all = fair_crps(samples, truth);
  ASSERT_EQ(all.sizes(), at::IntArrayRef({2, 3}));
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 3; ++j) {
      std::vector<double> some;
      for (int64_t k = 0; k < 4; ++k) some.push_back(samples[k][i][j].item<double>());
      EXPECT_DOUBLE_EQ(all[i][j].item<double>(), fair(some, truth[i][j].item<double>()));
    }
}

// The mean over many ensembles of K samples is the Gaussian's own score for every K: the estimate is unbiased.
TEST(FairCrps, HasTheGaussiansScoreAsItsMeanForEnsemblesOfAnySize) {
  constexpr int64_t kEnsembles = 20000;
  for (const int64_t size : {2, 5}) {
    for (const double y : {0.0, 0.7, -2.5}) {
      const at::Tensor samples =
          normal_rows(consecutive_keys(7, 0, size), Purpose::kEvaluation, 0, {kEnsembles}) * 0.8 +
          0.3;
      const at::Tensor scores = fair_crps(samples, at::full({kEnsembles}, y, at::kDouble));
      EXPECT_NEAR(scores.mean().item<double>(), of_gaussian(0.3, 0.8, y),
                  4.5 * scores.std().item<double>() / std::sqrt(kEnsembles))
          << size << " " << y;
    }
  }
}

constexpr double kStd = 0.5;

// Signals of independent values N(0, kStd²), of which the mask tells nothing.
Model independent(MaskKind mask = MaskKind::kForecast) {
  Config config;
  config.condition.type = ConditionType::kMask;
  config.condition.mask = mask;
  config.condition.horizon = 3;
  config.model.sample_shape = {2, 8};
  config.model.sample_kind = SampleKind::kSignal;
  config.model.condition_channels = 4;
  config.sample.sampler = SamplerKind::kDdim;
  config.sample.steps = 200;
  config.sample.clip_x0 = false;
  const GaussianDiffusion diffusion(config.diffusion);
  auto network = std::make_shared<GaussianOracle>(kStd * kStd, oracle_view(diffusion));
  return {"oracle", config, network, at::kCPU};
}

FixedItems signals() {
  return FixedItems(at::arange(12 * 16, at::kFloat).square().mul(0.37).sin().view({12, 2, 8}),
                    SampleKind::kSignal);
}

Crps scored(const Model& model, const Dataset& data, int64_t batch, int64_t samples,
            std::shared_ptr<World> world = std::make_shared<World>()) {
  return evaluate_crps(model, data,
                       {.evaluation = {.items = 12,
                                       .batch = batch,
                                       .condition = model.config().condition,
                                       .seed = 3,
                                       .world = std::move(world)},
                        .generate = model.options(model.config().sample),
                        .samples = samples});
}

// Of the last 3 of 8 steps alone, with the standard error over items of their means.
TEST(Crps, OfIndependentValuesIsTheGaussians) {
  const Model model = independent();
  const FixedItems data = signals();
  const Crps crps = scored(model, data, 256, 256);
  const std::vector<int64_t> all{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const at::Tensor x = data.gather(all);
  double sum = 0, squares = 0;
  for (int64_t item = 0; item < 12; ++item) {
    double mean = 0;
    for (int64_t c = 0; c < 2; ++c)
      for (int64_t t = 5; t < 8; ++t)
        mean += of_gaussian(0, kStd, x[item][c][t].item<double>()) / 6;
    sum += mean;
    squares += mean * mean;
  }
  const double wanted = sum / 12, error = std::sqrt((squares - 12 * wanted * wanted) / 11 / 12);
  EXPECT_NEAR(crps.score.mean, wanted, 0.03 * wanted);
  EXPECT_NEAR(crps.score.standard_error, error, 0.1 * error);
  EXPECT_DOUBLE_EQ(crps.unknown, 3.0 / 8);
  EXPECT_EQ(crps.items, 12);
}

TEST(Crps, DependsOnNeitherBatchNorProcesses) {
  const Model model = independent(MaskKind::kRandom);
  const FixedItems data = signals();
  const Crps whole = scored(model, data, 1000, 5);
  EXPECT_NEAR(whole.unknown, 0.5, 0.2);
  for (const int64_t batch : {1, 7, 10})
    EXPECT_NEAR(scored(model, data, batch, 5).score.mean, whole.score.mean, 1e-6) << batch;
  const auto thrown = testing_distributed::run_worlds(3, [&](World& world) {
    const Crps part =
        scored(model, data, 10, 5, std::shared_ptr<World>(std::shared_ptr<World>(), &world));
    EXPECT_NEAR(part.score.mean, whole.score.mean, 1e-6);
    EXPECT_NEAR(part.score.standard_error, whole.score.standard_error, 1e-6);
    EXPECT_EQ(part.items, whole.items);
  });
  for (const std::string& what : thrown) EXPECT_EQ(what, "");
}

TEST(Crps, WantsAMask) {
  EXPECT_NO_THROW(check_masked(independent()));
  Config config = independent().config();
  config.condition = {};
  const Model model("model.pt", config, std::make_shared<GaussianOracle>(1.0, OracleView()),
                    at::kCPU);
  EXPECT_EQ(message_of([&] { check_masked(model); }),
            "--metrics crps: expected a model with the /condition/type mask, got \"none\" of "
            "model.pt");
}

TEST(Crps, IsReportedWithItsSettings) {
  EvalReport report;
  add_report(report, {.score = {0.25, 0.01}, .unknown = 0.375, .items = 12}, 32,
             {{"sampler", "heun"}});
  EXPECT_EQ(report.json.dump(),
            R"({"crps":{"mean":0.25,"stderr":0.01,"estimator":"fair","samples":32,"items":12,)"
            R"("unknown":0.375,"sampling":{"sampler":"heun"}}})");
  EXPECT_NE(report.text.find("CRPS of the unknown 37.5 %, 32 samples an item"), std::string::npos);
}

}  // namespace
}  // namespace diffuse
