#include "diffuse/eval/bound.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>

#include "diffuse/core/random.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"
#include "tests/diffusion_configs.h"
#include "tests/fixed_items.h"

namespace diffuse {
namespace {

DiffusionConfig ho(VarianceKind variance) { return linear(1000, 0.02, variance); }
DiffusionConfig post(VarianceKind variance) { return linear(200, 0.05, variance); }
DiffusionConfig cosine(VarianceKind variance) {
  return scheduled(ScheduleKind::kCosine, 100, variance);
}

// Exact for data N(0, s2 I).
struct Oracle {
  GaussianDiffusion diffusion;
  GaussianOracle network;

  Oracle(const DiffusionConfig& config, double s2)
      : diffusion(config), network(s2, oracle_view(diffusion)) {}

  Bound bound(const Dataset& data, BoundOptions options) {
    return evaluate_bound(network, diffusion, data, options);
  }
};

BoundOptions unclipped(int64_t items, int64_t batch = 512) {
  return {.evaluation = {.items = items, .batch = batch}, .clip_x0 = false};
}

struct Theory {
  DiffusionConfig config;
  double s2, prior, diffusion, reconstruction;
};

// tests/reference/gaussian_bound.py
std::vector<Theory> theory() {
  return {{ho(VarianceKind::kFixedLarge), 1, 2.91129454e-05, 6.64382708, -4.43272253},
          {ho(VarianceKind::kFixedLarge), 0.25, 7.27867696e-06, 5.64564104, -4.43311925},
          {ho(VarianceKind::kFixedSmall), 0.25, 7.27867696e-06, 6.30243688, -4.43311925},
          {ho(VarianceKind::kFixedSmall), 0.01, 2.91711058e-07, 3.89396948, -4.44568987},
          {post(VarianceKind::kFixedLarge), 0.25, 0.00111758903, 5.64854824, -4.57233869},
          {post(VarianceKind::kFixedSmall), 1, 0.00442963737, 8.96522424, -4.5720607},
          {cosine(VarianceKind::kFixedLarge), 0.01, 1.75186583e-09, 2.17411896, -3.24963819},
          {cosine(VarianceKind::kFixedSmall), 0.25, 4.3796136e-08, 5.37717009, -3.18538697}};
}

// Every term is quadratic in (x_0, eps), so the four pairs of (+-s, +-1) have its exact mean.
TEST(Bound, TermsOfTheOracleSumToTheClosedForm) {
  for (const Theory& wanted : theory()) {
    Oracle oracle(wanted.config, wanted.s2);
    const at::Tensor signs = at::tensor({1., 1., -1., -1.}, at::kDouble).view({4, 1});
    const at::Tensor eps = at::tensor({1., -1., 1., -1.}, at::kDouble).view({4, 1});
    const at::Tensor x0 = signs * std::sqrt(wanted.s2);
    const Denoiser denoiser = [&](const at::Tensor& x, const at::Tensor& t) {
      return oracle.network.forward(x, t, {});
    };
    std::vector<double> terms;
    for (int64_t t = 0; t < wanted.config.timesteps; ++t) {
      const at::Tensor times = at::full({4}, t, at::kLong);
      const at::Tensor term = oracle.diffusion.vb_term(denoiser, x0, times, eps, false);
      terms.push_back(term.mean().item<double>());
      EXPECT_TRUE(t == 0 || terms.back() >= 0) << t;
    }
    const double kl = std::accumulate(terms.begin() + 1, terms.end(), 0.0);
    EXPECT_NEAR(kl, wanted.diffusion, 1e-7);
    EXPECT_NEAR(terms[0], wanted.reconstruction, 1e-7);
    EXPECT_NEAR(prior_term(oracle.diffusion.schedule(), x0).mean().item<double>(), wanted.prior,
                1e-10);
  }
}

void expect_within(const Estimate& estimate, double wanted, double slack) {
  EXPECT_NEAR(estimate.mean, wanted, 5 * estimate.standard_error + slack);
}

TEST(Bound, OfTheOracleIsTheClosedFormWithinItsStandardErrors) {
  const auto cases = theory();
  for (const size_t i : {1, 4, 6, 7}) {
    const Theory& wanted = cases[i];
    Oracle oracle(wanted.config, wanted.s2);
    const Bound bound = oracle.bound(two_valued(16, 512, std::sqrt(wanted.s2)), unclipped(16));
    EXPECT_LT(bound.total.standard_error, 0.05);
    expect_within(bound.prior, wanted.prior, 1e-7);
    expect_within(bound.diffusion, wanted.diffusion, 1e-6);
    expect_within(bound.monte_carlo, wanted.diffusion, 1e-6);
    expect_within(bound.reconstruction, wanted.reconstruction, 1e-6);
    expect_within(bound.total, wanted.prior + wanted.diffusion + wanted.reconstruction, 1e-6);
  }
}

// vp over a thousand even times is the chain with the betas between their levels.
TEST(Bound, OfContinuousTimeIsThatOfTheChainOverItsLevels) {
  DiffusionConfig vp;
  vp.process = ProcessKind::kVp;
  vp.variance = VarianceKind::kFixedSmall;
  const auto process = make_process(vp);
  DiffusionConfig chain;
  chain.variance = VarianceKind::kFixedSmall;
  chain.schedule = ScheduleKind::kBetas;
  double before = 1;
  for (int64_t i = 0; i < 1000; ++i) {
    const Level at = process->level(process->time_at(static_cast<double>(i) / 999));
    chain.betas.push_back(1 - at.a * at.a / (before * before));
    before = at.a;
  }
  Oracle continuous(vp, 0.25), discrete(chain, 0.25);
  const auto data = two_valued(64, 8, 0.5);
  BoundOptions options = unclipped(3);
  options.timesteps_per_item = 40;
  const Bound one = continuous.bound(data, options), two = discrete.bound(data, options);
  EXPECT_NEAR(one.prior.mean, two.prior.mean, 1e-9);
  EXPECT_NEAR(one.diffusion.mean, two.diffusion.mean, 1e-6);
  EXPECT_EQ(one.rows.size(), two.rows.size());
  EXPECT_EQ(one.rows.back().t, two.rows.back().t);
  // L_0 follows from the noise of the first time: log2(sqrt(2 pi) sigma) + 1/2 log2 e.
  const double first = process->level(process->first_time()).sigma();
  expect_within(one.reconstruction,
                std::log2(std::sqrt(2 * 3.14159265358979) * first) + 0.5 / std::log(2.0), 0.02);
}

// The bound is at least the entropy of the data, and with a thousand steps little more.
TEST(Bound, OfEveryProcessIsNearTheEntropy) {
  const double entropy = 0.5 * std::log2(2 * 3.14159265358979 * 2.71828182845905 * 0.25);
  for (const ProcessKind process : {ProcessKind::kVp, ProcessKind::kSubvp, ProcessKind::kVe,
                                    ProcessKind::kEdm, ProcessKind::kFlow}) {
    DiffusionConfig config;
    config.process = process;
    config.prediction = PredictionKind::kEdm;
    Oracle oracle(config, 0.25);
    const Bound bound = oracle.bound(two_valued(8, 64, 0.5), unclipped(8));
    EXPECT_GT(bound.total.mean, entropy - 5 * bound.total.standard_error) << process;
    EXPECT_LT(bound.total.mean, entropy + 0.15) << process;
  }
}

// Given the draws there is nothing random left: with u = x_0 - x_0(x_t) linear in (x_0, eps), the
// bound of one item is the closed form with u^2 in the place of its mean v.
TEST(Bound, OfGivenDrawsIsTheClosedForm) {
  constexpr double kS2 = 0.25;
  const DiffusionConfig config = linear(50, 0.2);
  Oracle oracle(config, kS2);
  const Bound bound = oracle.bound(two_valued(1, 64, 0.5), unclipped(1));
  const NoiseSchedule& s = oracle.diffusion.schedule();
  const auto row = [](const at::Tensor& table, int64_t t) { return table[t].item<double>(); };
  double diffusion = 0;
  for (int64_t t = 1; t < 50; ++t) {
    std::vector<float> eps(64);
    RandomStream(0, Purpose::kEvaluation, 0, static_cast<uint32_t>(t)).fill_normal(eps);
    const double kept = row(s.alpha_bar(), t), lost = 1 - kept;
    double square = 0;
    for (size_t d = 0; d < 64; ++d) {
      const double x0 = d < 32 ? -0.5 : 0.5;
      const double x_t = std::sqrt(kept) * x0 + std::sqrt(lost) * eps[d];
      square += std::pow(x0 - std::sqrt(kept) * kS2 / (kept * kS2 + lost) * x_t, 2) / 64;
    }
    const double c = row(s.coef_x0(), t), b = row(s.posterior_variance(), t), v = row(s.beta(), t);
    diffusion += 0.5 * (std::log(v / b) + (b + c * c * square) / v - 1) / std::log(2);
    EXPECT_NEAR(bound.rows[t].distortion.mean, square, 1e-6 * square) << t;
  }
  EXPECT_NEAR(bound.diffusion.mean, diffusion, 1e-6);
  EXPECT_TRUE(std::isnan(bound.diffusion.standard_error));
}

TEST(Bound, TotalIsTheSumOfItsPartsAndNoKlIsNegative) {
  Oracle oracle(post(VarianceKind::kFixedSmall), 0.5);  // not the variance of the data
  const Bound bound = oracle.bound(two_valued(8, 16, 0.5), unclipped(8));
  EXPECT_NEAR(bound.total.mean, bound.prior.mean + bound.diffusion.mean + bound.reconstruction.mean,
              1e-12);
  double sum = 0;
  for (const BoundRow& row : bound.rows) {
    EXPECT_EQ(row.items, 8);
    EXPECT_TRUE(row.t == 0 || row.term.mean >= 0) << row.t;
    if (row.t > 0) sum += row.term.mean;
  }
  EXPECT_EQ(bound.rows.size(), 200);
  EXPECT_NEAR(bound.diffusion.mean, sum, 1e-10);
  EXPECT_NEAR(bound.rows[0].rate.mean, bound.prior.mean + sum, 1e-10);
  EXPECT_NEAR(bound.rows[199].rate.mean, bound.prior.mean, 1e-12);
}

// The post: closed forms "have lower variance" than Monte Carlo. One draw has the closed form's
// value as its mean and a variance of its own on top.
TEST(Bound, ClosedFormsVaryLessThanDraws) {
  Oracle oracle(ho(VarianceKind::kFixedLarge), 0.25);
  const Bound bound = oracle.bound(two_valued(64, 16, 0.5), unclipped(64));
  expect_within(bound.monte_carlo, bound.diffusion.mean, 0);
  EXPECT_GT(bound.monte_carlo.standard_error, 1.5 * bound.diffusion.standard_error);
  for (const int64_t t : {1, 10, 100, 500, 998}) {
    const BoundRow& row = bound.rows[t];
    expect_within(row.monte_carlo, row.term.mean, 0);
    EXPECT_GT(row.monte_carlo.standard_error, row.term.standard_error) << t;
  }
}

// tests/reference/gaussian_bound.py: rate in bits, distortion as RMSE in levels of 8 bits.
TEST(Bound, RateAndDistortionOfTheOracleAreExact) {
  Oracle oracle(ho(VarianceKind::kFixedLarge), 0.25);
  const Bound bound = oracle.bound(two_valued(32, 256, 0.5), unclipped(32));
  const std::vector<std::array<double, 3>> wanted{{999, 7.278677e-06, 63.7497},
                                                  {200, 0.2821428, 52.4469},
                                                  {10, 3.422604, 5.95179},
                                                  {1, 5.077458, 1.89011}};
  for (const auto& [t, rate, rmse] : wanted) {
    const BoundRow& row = bound.rows[static_cast<size_t>(t)];
    expect_within(row.rate, rate, 1e-7);
    expect_within(row.distortion, std::pow(rmse / 127.5, 2), 1e-6);
    EXPECT_LT(row.distortion.standard_error, 0.02 * row.distortion.mean) << t;
  }
}

// Nothing to learn: images that are all 0, and a network that knows it. What is left is L_T and
// the floor of the reconstruction, from tests/reference/schedule_reference.py.
TEST(Bound, OfAKnownImageIsPriorAndFloor) {
  const DiffusionConfig config = ho(VarianceKind::kFixedSmall);
  GaussianDiffusion diffusion(config);
  GaussianOracle network(0, oracle_view(diffusion));
  const FixedItems data(at::zeros({3, 1, 4, 4}), SampleKind::kImage);
  const Bound bound = evaluate_bound(network, diffusion, data, {.evaluation = {.items = 3}});
  EXPECT_NEAR(bound.diffusion.mean, 0, 1e-5);
  EXPECT_NEAR(bound.reconstruction.mean, 1.30537766, 1e-5);
  EXPECT_NEAR(bound.prior.mean, diffusion.schedule().prior_bits_per_dim(0), 1e-12);
}

TEST(Bound, ClippingKeepsPredictionsOfImagesInRange) {
  GaussianDiffusion diffusion(post(VarianceKind::kFixedLarge));
  GaussianOracle network(100, oracle_view(diffusion));  // expects values far outside
  const FixedItems data(at::ones({4, 1, 4, 4}), SampleKind::kImage);
  const auto distortion = [&](bool clip) {
    const Bound bound =
        evaluate_bound(network, diffusion, data, {.evaluation = {.items = 4}, .clip_x0 = clip});
    return bound.rows.back().distortion.mean;
  };
  EXPECT_LE(distortion(true), 4);
  EXPECT_GT(distortion(false), 10);
}

TEST(Bound, DoesNotDependOnTheBatch) {
  Oracle oracle(post(VarianceKind::kFixedLarge), 0.25);
  const FixedItems data = two_valued(7, 8, 0.5);
  const Bound all = oracle.bound(data, unclipped(7, 1400)),
              three = oracle.bound(data, unclipped(7, 3));
  EXPECT_NEAR(all.total.mean, three.total.mean, 1e-10);
  EXPECT_NEAR(all.monte_carlo.mean, three.monte_carlo.mean, 1e-10);
  EXPECT_NEAR(all.total.standard_error, three.total.standard_error, 1e-10);
  EXPECT_NEAR(all.rows[100].rate.standard_error, three.rows[100].rate.standard_error, 1e-10);
}

TEST(Bound, OfFewerTimestepsIsUnbiased) {
  const Theory wanted = theory()[4];
  Oracle oracle(wanted.config, wanted.s2);
  BoundOptions options = unclipped(2000, 4096);
  options.timesteps_per_item = 6;  // parts of 5, 17, 27, 39, 50 and 61 timesteps
  const Bound bound = oracle.bound(two_valued(2000, 4, std::sqrt(wanted.s2)), options);
  EXPECT_LT(bound.diffusion.standard_error, 0.2);
  expect_within(bound.diffusion, wanted.diffusion, 0);
  expect_within(bound.monte_carlo, wanted.diffusion, 0);
  expect_within(bound.reconstruction, wanted.reconstruction, 0);
  EXPECT_EQ(bound.rows[0].items, 2000);
  EXPECT_NEAR(static_cast<double>(bound.rows[150].items), 2000 / 61.0, 5 * 6);
}

TEST(Bound, ItemsAreSpreadOverTheSet) {
  Oracle oracle(post(VarianceKind::kFixedLarge), 1);
  const FixedItems data(at::arange(8).to(at::kFloat).view({4, 2}) / 8);
  const Bound half = oracle.bound(data, unclipped(2)), all = oracle.bound(data, unclipped(100));
  EXPECT_EQ(half.items, 2);
  EXPECT_EQ(all.items, 4);
  const FixedItems chosen(at::tensor({0.f, 0.125f, 0.5f, 0.625f}).view({2, 2}));
  EXPECT_NEAR(half.prior.mean, oracle.bound(chosen, unclipped(2)).prior.mean, 1e-12);
}

}  // namespace
}  // namespace diffuse
