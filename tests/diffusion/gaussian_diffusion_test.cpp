#include "diffuse/diffusion/gaussian_diffusion.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "diffuse/core/error.h"
#include "diffuse/core/random.h"
#include "src/diffusion/likelihood.h"
#include "src/diffusion/transition.h"
#include "tests/message_of.h"
#include "tests/oracle.h"

namespace diffuse {
namespace {

// float64 [rows, dims] of N(0, 1).
at::Tensor normal(int64_t rows, int64_t dims, uint64_t index = 0) {
  std::vector<float> values(static_cast<size_t>(rows * dims));
  RandomStream(3, Purpose::kEvaluation, index).fill_normal(values);
  return at::tensor(values, at::kDouble).view({rows, dims});
}

at::Tensor steps(int64_t count) { return at::arange(count, at::kLong); }

at::Tensor filled(int64_t count, int64_t t) { return at::full({count}, t, at::kLong); }

void expect_relative(const at::Tensor& value, const at::Tensor& expected, double tolerance) {
  EXPECT_TRUE(at::allclose(value, expected, tolerance, 0))
      << "largest share " << ((value - expected).abs() / expected).max().item<double>();
}

// A table as [T, 1], to go with one sample per timestep.
at::Tensor column(const at::Tensor& table) { return table.unsqueeze(1); }

// log N(x; mean, variance) per element.
at::Tensor log_density(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& variance) {
  return -0.5 * ((2 * std::numbers::pi * variance).log() + (x - mean).square() / variance);
}

const std::vector<PredictionKind> kPredictions{PredictionKind::kEpsilon, PredictionKind::kX0,
                                               PredictionKind::kV, PredictionKind::kMu};

// What a perfect network outputs when x_t was made from x0 and eps.
at::Tensor perfect(const GaussianDiffusion& d, PredictionKind prediction, const at::Tensor& x0,
                   const at::Tensor& eps, const at::Tensor& t) {
  const at::Tensor alpha_bar = column(d.schedule().alpha_bar().index_select(0, t.to(at::kLong)));
  if (prediction == PredictionKind::kEpsilon) return eps;
  if (prediction == PredictionKind::kX0) return x0;
  if (prediction == PredictionKind::kV) return alpha_bar.sqrt() * eps - (1 - alpha_bar).sqrt() * x0;
  return d.posterior(x0, d.q_sample(x0, t, eps), t).mean;
}

// One sample of five dimensions per timestep of the 1000-step linear schedule.
struct Samples {
  at::Tensor t = steps(1000), x0 = normal(1000, 5, 0), eps = normal(1000, 5, 1);
  GaussianDiffusion diffusion{DiffusionConfig{}};
  at::Tensor x_t = diffusion.q_sample(x0, t, eps);
  const NoiseSchedule& s = diffusion.schedule();
};

// The forward step against its closed form: t single steps have the same moments.
TEST(GaussianDiffusion, ClosedFormHasTheMomentsOfTheChainOfSingleSteps) {
  const Samples v;
  double mean = 1, variance = 0;  // of x_t, for x_0 = 1
  const at::Tensor one = at::ones({1, 1}, at::kDouble), zero = at::zeros({1, 1}, at::kDouble);
  for (int64_t t = 0; t < 1000; ++t) {
    const double beta = v.s.beta()[t].item<double>();
    mean *= std::sqrt(1 - beta);
    variance = (1 - beta) * variance + beta;
    if (t % 111 != 0) continue;
    EXPECT_NEAR(v.diffusion.q_sample(one, filled(1, t), zero).item<double>(), mean, 1e-12);
    EXPECT_NEAR(std::pow(v.diffusion.q_sample(zero, filled(1, t), one).item<double>(), 2), variance,
                1e-12);
  }
}

// Eq. 1: q(x_t | x_{t-1}) q(x_{t-1} | x_0) = q(x_{t-1} | x_t, x_0) q(x_t | x_0), t >= 1.
TEST(GaussianDiffusion, PosteriorIsBayesRule) {
  const Samples v;
  const auto later = [](const at::Tensor& x) { return x.slice(0, 1); };
  const at::Tensor x_prev = later(normal(1000, 5, 2)), x_t = later(v.x_t), x0 = later(v.x0);
  const at::Tensor beta = column(later(v.s.beta())), alpha_bar = column(later(v.s.alpha_bar()));
  const at::Tensor prev = column(later(v.s.alpha_bar_prev()));
  const Gaussian q = v.diffusion.posterior(x0, x_t, later(v.t));
  const at::Tensor joint = log_density(x_t, (1 - beta).sqrt() * x_prev, beta) +
                           log_density(x_prev, prev.sqrt() * x0, 1 - prev);
  expect_close(log_density(x_prev, q.mean, q.variance) +
                   log_density(x_t, alpha_bar.sqrt() * x0, 1 - alpha_bar),
               joint, 1e-9);
}

TEST(GaussianDiffusion, PosteriorOfTheFirstStepIsX0) {
  const Samples v;
  const Gaussian q = v.diffusion.posterior(v.x0, v.x_t, v.t);
  EXPECT_TRUE(q.mean[0].equal(v.x0[0]));
  EXPECT_EQ(q.variance[0].item<double>(), 0);
  EXPECT_EQ(q.log_variance[0].item<double>(), q.log_variance[1].item<double>());
}

TEST(GaussianDiffusion, EveryPredictionGivesBackX0EpsAndThePosteriorMean) {
  const Samples v;
  for (const PredictionKind prediction : kPredictions) {
    SCOPED_TRACE(word_of(prediction));
    DiffusionConfig config;
    config.prediction = prediction;
    const GaussianDiffusion d(config);
    const auto p = d.predict(perfect(d, prediction, v.x0, v.eps, v.t), v.x_t, v.t, false);
    expect_close(p.x0, v.x0, 1e-10);
    expect_close(p.eps, v.eps, 1e-9);
    expect_close(p.mean, d.posterior(v.x0, v.x_t, v.t).mean, 1e-11);
  }
}

// Eq. 8 = eq. 3 with eq. 6 put in, for a network that is not perfect.
TEST(GaussianDiffusion, MeanIsEquation8WhereX0IsNotClipped) {
  const Samples v;
  const at::Tensor eps_theta = normal(1000, 5, 4);
  const at::Tensor beta = column(v.s.beta()), alpha_bar = column(v.s.alpha_bar());
  const at::Tensor equation8 =
      (v.x_t - beta / (1 - alpha_bar).sqrt() * eps_theta) / (1 - beta).sqrt();
  const auto plain = v.diffusion.predict(eps_theta, v.x_t, v.t, false);
  const auto clipped = v.diffusion.predict(eps_theta, v.x_t, v.t, true);
  expect_close(plain.mean, equation8, 1e-12);
  EXPECT_LE(clipped.x0.abs().max().item<double>(), 1);
  expect_close(v.diffusion.q_sample(clipped.x0, v.t, clipped.eps), v.x_t, 1e-12);
  EXPECT_GT((clipped.mean - equation8).abs().max().item<double>(), 0.01);
}

TEST(GaussianDiffusion, Float32LosesLittleAtTheNoisiestStep) {
  const Samples v;
  const at::Tensor x0 = v.x0.to(at::kFloat), eps = v.eps.to(at::kFloat);
  const at::Tensor x_t = v.diffusion.q_sample(x0, v.t, eps);
  EXPECT_EQ(x_t.scalar_type(), at::kFloat);
  const auto p = v.diffusion.predict(eps, x_t, v.t, false);
  EXPECT_EQ(p.mean.scalar_type(), at::kFloat);
  // x_0 comes out of a sum 157 times as large.
  EXPECT_LT((p.x0 - x0)[999].abs().max().item<double>(), 157 * 4 * 6e-8);
}

TEST(GaussianDiffusion, FixedVariancesAreBetaAndThePosteriorsButForTheFirstLogarithm) {
  const Samples v;
  DiffusionConfig config;
  config.variance = VarianceKind::kFixedSmall;
  const GaussianDiffusion small(config);
  const auto p_large = v.diffusion.predict(v.eps, v.x_t, v.t, false);
  const auto p_small = small.predict(v.eps, v.x_t, v.t, false);
  expect_relative(p_large.variance, column(v.s.beta()), 1e-12);
  expect_relative(p_small.variance, column(v.s.posterior_variance()), 1e-12);
  // [Ho20] code; tests/reference/schedule_reference.py
  EXPECT_NEAR(p_large.log_variance[0].item<double>(), -9.81672514, 1e-8);
  EXPECT_NEAR(p_small.log_variance[0].item<double>(), -9.81672514, 1e-8);
  expect_close(p_large.log_variance.slice(0, 1).exp(), p_large.variance.slice(0, 1), 1e-14);
  expect_close(p_small.log_variance.slice(0, 1).exp(), p_small.variance.slice(0, 1), 1e-14);
}

TEST(GaussianDiffusion, LearnedRangeRunsFromThePosteriorVarianceToBeta) {
  const Samples v;
  DiffusionConfig config;
  config.variance = VarianceKind::kLearnedRange;
  config.loss = LossKind::kHybrid;
  const GaussianDiffusion d(config);
  const auto log_variance = [&](double share) {
    const at::Tensor output = at::cat({v.eps, at::full_like(v.eps, share)}, 1);
    return d.predict(output, v.x_t, v.t, false).log_variance;
  };
  const at::Tensor low = column(v.s.posterior_log_variance_clipped()).expand({1000, 5});
  const at::Tensor high = column(v.s.beta().log()).expand({1000, 5});
  expect_close(log_variance(-1), low, 1e-13);
  expect_close(log_variance(1), high, 1e-13);
  expect_close(log_variance(0), (low + high) / 2, 1e-13);
}

TEST(GaussianDiffusion, LearnedVarianceIsTheOutputItself) {
  const Samples v;
  DiffusionConfig config;
  config.variance = VarianceKind::kLearned;
  config.loss = LossKind::kVlb;
  const GaussianDiffusion d(config);
  const auto p = d.predict(at::cat({v.eps, at::full_like(v.eps, -3)}, 1), v.x_t, v.t, false);
  EXPECT_TRUE(p.log_variance.equal(at::full_like(v.eps, -3)));
  expect_close(p.variance, at::full_like(v.eps, std::exp(-3.0)), 1e-15);
  EXPECT_TRUE(d.learns_variance());
  EXPECT_THROW(d.predict(v.eps, v.x_t, v.t, false), c10::Error);
}

// [Nichol21] eq. 19: between visited timesteps β' = 1 − ᾱ/ᾱ' and the rest of eq. 3 follows, ᾱ' = 1 and
// no variance at the data.
TEST(GaussianDiffusion, StepsBetweenAnyTwoLevelsAreThoseOfTheRespacedChain) {
  const Samples v;
  const at::Tensor at_rows = at::tensor({10, 100, 500, 999}, at::kLong);
  const at::Tensor to_rows = at::tensor({0, 10, 100, 500}, at::kLong);
  const Process& process = v.diffusion.process();
  const Transition step = transition(process.levels(at_rows), process.levels(to_rows));
  const at::Tensor now = v.s.alpha_bar().index_select(0, at_rows);
  const at::Tensor next = v.s.alpha_bar().index_select(0, to_rows), beta = 1 - now / next;
  expect_relative(step.alpha, now / next, 1e-14);
  expect_relative(step.added, beta, 1e-12);
  expect_relative(step.variance, beta * (1 - next) / (1 - now), 1e-11);
  expect_relative(step.coef_x0, beta * next.sqrt() / (1 - now), 1e-11);
  expect_relative(step.coef_xt, (now / next).sqrt() * (1 - next) / (1 - now), 1e-11);
  const Transition last = transition(process.levels(at_rows), repeat(Level{}, 4, at::kCPU));
  EXPECT_EQ(last.variance.abs().max().item<double>(), 0);
  EXPECT_TRUE(last.coef_x0.equal(at::ones({4}, at::kDouble)));
}

TEST(GaussianDiffusion, StepsOfTheChainHaveItsTables) {
  const Samples v;
  const Process& process = v.diffusion.process();
  const Transition step = transition(process.levels(v.t), process.before(v.t));
  expect_relative(step.added, v.s.beta(), 1e-12);
  const auto later = [](const at::Tensor& x) { return x.slice(0, 1); };
  expect_relative(later(step.variance), later(v.s.posterior_variance()), 1e-12);
  expect_relative(step.coef_x0, v.s.coef_x0(), 1e-12);
  expect_relative(later(step.coef_xt), later(v.s.coef_xt()), 1e-12);
}

// Times are numbers of any type; before the first comes the data.
TEST(NoiseChain, GivesTheTablesRows) {
  const Samples v;
  const Process& process = v.diffusion.process();
  EXPECT_EQ(process.first_time(), 0);
  EXPECT_EQ(process.last_time(), 999);
  const Level level = process.level(500);
  EXPECT_NEAR(level.a * level.a, v.s.alpha_bar()[500].item<double>(), 1e-16);
  EXPECT_NEAR(level.sigma(), std::sqrt(1 / 0.07779666 - 1), 1e-7);
  for (const auto type : {at::kLong, at::kInt, at::kFloat, at::kDouble})
    EXPECT_TRUE(process.levels(v.t.to(type)).a.equal(v.s.alpha_bar().sqrt()));
  const Levels first = process.before(at::zeros({1}));
  EXPECT_EQ(first.a.item<double>(), 1);
  EXPECT_EQ(first.s.item<double>(), 0);
  EXPECT_EQ(process.level(-1).s, 0);
  EXPECT_THROW(process.level(1000), c10::Error);
}

// A network of mu speaks of a step of the full chain, whatever steps the sampler visits.
TEST(GaussianDiffusion, ReadsX0FromEveryPredictionForStepsOfAnyLength) {
  const Samples v;
  const at::Tensor t = at::tensor({10, 100, 500, 999}, at::kLong);
  const at::Tensor next = at::tensor({0, 10, 100, 500}, at::kLong);
  const at::Tensor x0 = v.x0.slice(0, 0, 4), eps = v.eps.slice(0, 0, 4);
  for (const PredictionKind prediction : kPredictions) {
    SCOPED_TRACE(word_of(prediction));
    DiffusionConfig config;
    config.prediction = prediction;
    const GaussianDiffusion d(config);
    const at::Tensor x_t = d.q_sample(x0, t, eps);
    const auto read = d.denoised(perfect(d, prediction, x0, eps, t), x_t, t, false);
    expect_close(read.x0, x0, 1e-10);
    const at::Tensor now = v.s.alpha_bar().index_select(0, t);
    const at::Tensor then = v.s.alpha_bar().index_select(0, next), beta = 1 - now / then;
    const at::Tensor mean = column(beta * then.sqrt() / (1 - now)) * x0 +
                            column((now / then).sqrt() * (1 - then) / (1 - now)) * x_t;
    const Process& process = d.process();
    expect_close(d.reverse(read, x_t, process.levels(t), process.levels(next)).mean, mean, 1e-10);
  }
}

TEST(GaussianDiffusion, WorksOnImagesAndPointsAlike) {
  const Samples v;
  const at::Tensor t = filled(2, 7);
  const at::Tensor images = normal(2, 12).view({2, 3, 2, 2});
  const at::Tensor out = v.diffusion.q_sample(images, t, images);
  expect_close(out.flatten(1), v.diffusion.q_sample(images.flatten(1), t, images.flatten(1)),
               1e-15);
}

// The text of the Error that this configuration throws.
std::string refusal_of(const DiffusionConfig& config) {
  return message_of([&] { const GaussianDiffusion d(config); });
}

// What is only sampled is asked nothing of its training.
TEST(CheckTrainable, RefusesPartsThatDoNotFit) {
  const auto mentions = [](const DiffusionConfig& config, const std::string& text) {
    const std::string message = message_of([&] { check_trainable(config); });
    EXPECT_NE(message.find(text), std::string::npos) << message;
    EXPECT_EQ(refusal_of(config), "");
  };
  DiffusionConfig config;
  config.variance = VarianceKind::kLearnedRange;
  mentions(config, "/diffusion/loss: \"simple\" does not train the variance");
  config = {};
  config.loss = LossKind::kHybrid;
  mentions(config, "/diffusion/variance \"fixed_large\" is fixed: use simple or vlb");
  config = {};
  config.schedule = ScheduleKind::kJsd;
  mentions(config, "/diffusion/prediction: \"epsilon\" cannot give x_0");
  config.prediction = PredictionKind::kV;
  mentions(config, "/diffusion/loss: \"simple\" measures the error in epsilon");
  config.loss = LossKind::kMse;
  EXPECT_NO_THROW(check_trainable(config));
  config = {};
  config.rescale_zero_terminal_snr = true;
  mentions(config, "this schedule ends with alpha_bar = 0");
}

}  // namespace
}  // namespace diffuse
