#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "diffuse/core/random.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "tests/oracle.h"

namespace diffuse {
namespace {

at::Tensor noise_rows(int64_t rows, int64_t dims, uint64_t index) {
  std::vector<float> values(static_cast<size_t>(rows * dims));
  RandomStream(5, Purpose::kEvaluation, index).fill_normal(values);
  return at::tensor(values, at::kDouble).view({rows, dims});
}

GaussianDiffusion make(LossKind loss, PredictionKind prediction = PredictionKind::kEpsilon,
                       VarianceKind variance = VarianceKind::kFixedLarge) {
  DiffusionConfig config;
  config.loss = loss;
  config.prediction = prediction;
  config.variance = variance;
  return GaussianDiffusion(config);
}

// The network that outputs `prediction` for a given guess of ε, and with it of x_0 (eq. 6).
Denoiser guess(const GaussianDiffusion& d, PredictionKind prediction, const at::Tensor& eps) {
  return [&d, prediction, eps](const at::Tensor& x_t, const at::Tensor& t) -> at::Tensor {
    const at::Tensor alpha_bar =
        d.schedule().alpha_bar().index_select(0, t.to(at::kLong)).unsqueeze(1);
    const at::Tensor x0 = (x_t - (1 - alpha_bar).sqrt() * eps) / alpha_bar.sqrt();
    if (prediction == PredictionKind::kX0) return x0;
    if (prediction == PredictionKind::kV)
      return alpha_bar.sqrt() * eps - (1 - alpha_bar).sqrt() * x0;
    if (prediction == PredictionKind::kMu) return d.posterior(x0, x_t, t).mean;
    return eps;
  };
}

// One sample per timestep, and a wrong guess of its noise.
struct LossSamples {
  at::Tensor t = at::arange(1000, at::kLong);
  at::Tensor x0 = noise_rows(1000, 6, 0).clamp(-1, 1), eps = noise_rows(1000, 6, 1);
  at::Tensor wrong = noise_rows(1000, 6, 2);
  at::Tensor error = (eps - wrong).square().mean(1);
};

const std::vector<PredictionKind> kLossPredictions{PredictionKind::kEpsilon, PredictionKind::kX0,
                                                   PredictionKind::kV, PredictionKind::kMu};

TEST(Losses, SimpleIsTheErrorInEpsilonWhateverIsPredicted) {
  const LossSamples s;
  for (const PredictionKind prediction : kLossPredictions) {
    SCOPED_TRACE(word_of(prediction));
    const auto d = make(LossKind::kSimple, prediction);
    expect_close(d.loss(guess(d, prediction, s.wrong), s.x0, s.t, s.eps), s.error, 1e-8);
    expect_close(d.epsilon_loss(guess(d, prediction, s.wrong), s.x0, s.t, s.eps), s.error, 1e-8);
  }
}

TEST(Losses, SimpleOfANetworkThatSaysZeroIsTheNoisesMeanSquare) {
  const LossSamples s;
  const Denoiser zero = [](const at::Tensor& x_t, const at::Tensor&) { return x_t * 0; };
  const auto d = make(LossKind::kSimple);
  EXPECT_NEAR(d.loss(zero, s.x0, s.t, s.eps).mean().item<double>(), 1,
              3 * std::sqrt(2.0 / s.eps.numel()));
}

// [Hang23]: min(snr, γ)/snr on the error of ε, min(snr, γ) on x_0's, min(snr, γ)/(snr + 1) on v's.
TEST(Losses, MinSnrHasThePublishedWeightOfEachPrediction) {
  const LossSamples s;
  const at::Tensor snr = make(LossKind::kSimple).schedule().snr();
  const at::Tensor capped = snr.clamp_max(5);
  for (const auto& [prediction, weight] : std::vector<std::pair<PredictionKind, at::Tensor>>{
           {PredictionKind::kEpsilon, capped / snr},
           {PredictionKind::kX0, capped},
           {PredictionKind::kV, capped / (snr + 1)}}) {
    SCOPED_TRACE(word_of(prediction));
    const auto d = make(LossKind::kMinSnr, prediction), own = make(LossKind::kMse, prediction);
    const Denoiser network = guess(d, prediction, s.wrong);
    expect_close(d.loss(network, s.x0, s.t, s.eps), weight * own.loss(network, s.x0, s.t, s.eps),
                 1e-9);
  }
}

// v's own error is ‖v − v_θ‖²: with v_θ = 0 that is the mean square of v.
TEST(Losses, MseIsMeasuredInTheNetworksQuantity) {
  const LossSamples s;
  const Denoiser zero = [](const at::Tensor& x_t, const at::Tensor&) { return x_t * 0; };
  const auto d = make(LossKind::kMse, PredictionKind::kV);
  const at::Tensor alpha_bar = d.schedule().alpha_bar().unsqueeze(1);
  const at::Tensor v = alpha_bar.sqrt() * s.eps - (1 - alpha_bar).sqrt() * s.x0;
  expect_close(d.loss(zero, s.x0, s.t, s.eps), v.square().mean(1), 1e-12);
  expect_close(make(LossKind::kMse, PredictionKind::kX0).loss(zero, s.x0, s.t, s.eps),
               s.x0.square().mean(1), 1e-12);
}

// Eq. 4 and 9: the KL is the weighted error plus C = ½ (log(σ²/β̃) − 1 + β̃/σ²), for t >= 1.
TEST(Losses, VlbWeightedIsTheKlUpToAConstantOfT) {
  const LossSamples s;
  for (const VarianceKind variance : {VarianceKind::kFixedLarge, VarianceKind::kFixedSmall}) {
    for (const PredictionKind prediction : kLossPredictions) {
      SCOPED_TRACE(concat(variance, " ", prediction));
      const auto d = make(LossKind::kVlbWeighted, prediction, variance);
      const Denoiser network = guess(d, prediction, s.wrong);
      const at::Tensor beta = d.schedule().beta(), posterior = d.schedule().posterior_variance();
      const at::Tensor ratio =
          variance == VarianceKind::kFixedLarge ? posterior / beta : at::ones_like(beta);
      const at::Tensor constant = 0.5 * (-ratio.log() - 1 + ratio);
      const at::Tensor kl = std::numbers::ln2 * d.vb_term(network, s.x0, s.t, s.eps, false);
      const at::Tensor loss = d.loss(network, s.x0, s.t, s.eps) + constant;
      expect_close(loss.slice(0, 1), kl.slice(0, 1), 1e-8);
    }
  }
}

TEST(Losses, VlbWeightedIsFiniteAtTheFirstStepWithBothVariances) {
  const LossSamples s;
  const double beta = 1e-4, variance = 5.45318766e-05;  // β_0 and β̃_1 of the linear schedule
  for (const VarianceKind name : {VarianceKind::kFixedLarge, VarianceKind::kFixedSmall}) {
    const auto d = make(LossKind::kVlbWeighted, PredictionKind::kEpsilon, name);
    const at::Tensor loss = d.loss(guess(d, PredictionKind::kEpsilon, s.wrong), s.x0, s.t, s.eps);
    EXPECT_NEAR((loss / s.error)[0].item<double>(), beta / (2 * variance * (1 - beta)), 1e-8);
  }
}

TEST(Losses, VlbIsTTimesTheBoundsTerm) {
  const LossSamples s;
  const auto d = make(LossKind::kVlb);
  const Denoiser network = guess(d, PredictionKind::kEpsilon, s.wrong);
  expect_close(d.loss(network, s.x0, s.t, s.eps),
               1000 * d.vb_term(network, s.x0, s.t, s.eps, false), 1e-14);
}

// [Nichol21] eq. 16: λ T times the bound is added, and moves the variance alone.
TEST(Losses, HybridTrainsTheMeanBySimpleAndTheVarianceByTheBound) {
  const LossSamples s;
  const auto hybrid =
      make(LossKind::kHybrid, PredictionKind::kEpsilon, VarianceKind::kLearnedRange);
  const auto bound = make(LossKind::kVlb, PredictionKind::kEpsilon, VarianceKind::kLearnedRange);
  const auto simple = make(LossKind::kSimple);
  const auto gradient = [&](const GaussianDiffusion& d, const at::Tensor& start) {
    at::Tensor output = start.detach().clone().requires_grad_();
    const Denoiser network = [&](const at::Tensor&, const at::Tensor&) { return output; };
    const at::Tensor loss = d.loss(network, s.x0, s.t, s.eps);
    loss.sum().backward();
    return std::make_pair(loss.detach(), output.grad());
  };
  const at::Tensor output = at::cat({s.wrong, at::full_like(s.wrong, 0.2)}, 1);
  const auto [loss, both] = gradient(hybrid, output);
  const auto [bound_loss, by_bound] = gradient(bound, output);
  const auto [simple_loss, by_simple] = gradient(simple, s.wrong);
  expect_close(loss, simple_loss + 0.001 * bound_loss, 1e-10);
  expect_close(both.narrow(1, 0, 6), by_simple, 1e-12);
  expect_close(both.narrow(1, 6, 6), 0.001 * by_bound.narrow(1, 6, 6), 1e-10);
  EXPECT_GT(by_bound.narrow(1, 6, 6).abs().min().item<double>(), 0);
}

TEST(Losses, MseTrainsTheStepWithoutSignal) {
  DiffusionConfig config;
  config.rescale_zero_terminal_snr = true;
  config.prediction = PredictionKind::kV;
  config.loss = LossKind::kMse;
  const LossSamples s;
  const GaussianDiffusion d(config);
  const Denoiser zero = [](const at::Tensor& x_t, const at::Tensor&) { return x_t * 0; };
  const at::Tensor loss = d.loss(zero, s.x0, s.t, s.eps);
  expect_close(loss[999], s.x0[999].square().mean(), 1e-12);  // v_T = −x_0
  EXPECT_TRUE(d.vb_term(zero, s.x0, s.t, s.eps, true).isfinite().all().item<bool>());
}

// tests/reference/schedule_reference.py
TEST(Losses, FirstTermOfAnImageIsTheReconstructionOf8BitValues) {
  const GaussianDiffusion d(DiffusionConfig{}, SampleKind::kImage);
  const at::Tensor x0 = at::full({1, 1, 2, 2}, 128 / 127.5 - 1, at::kDouble);
  const at::Tensor eps = noise_rows(1, 4, 3).view({1, 1, 2, 2}), t = at::zeros({1}, at::kLong);
  const Denoiser network = [&](const at::Tensor&, const at::Tensor&) { return eps; };
  EXPECT_NEAR(d.vb_term(network, x0, t, eps, true).item<double>(), 1.30537766, 1e-7);
}

// A perfect mean leaves ½ log2(2π σ²), log σ² = −9.81672514 of the reference.
TEST(Losses, FirstTermOfAPointIsItsDensity) {
  const auto d = make(LossKind::kSimple);
  const at::Tensor x0 = at::full({1, 4}, 3.0, at::kDouble), eps = noise_rows(1, 4, 3);
  const Denoiser network = [&](const at::Tensor&, const at::Tensor&) { return eps; };
  EXPECT_NEAR(d.vb_term(network, x0, at::zeros({1}, at::kLong), eps, false).item<double>(),
              0.5 * (std::log(2 * std::numbers::pi) - 9.81672514) / std::numbers::ln2, 1e-8);
}

// What a sample is decides, not its rank: images of any numbers have a density.
TEST(Losses, FirstTermOfAnImageOfAnyNumbersIsItsDensity) {
  const GaussianDiffusion d(DiffusionConfig{}, SampleKind::kFloatImage);
  const at::Tensor x0 = at::full({1, 1, 2, 2}, 3.0, at::kDouble),
                   eps = noise_rows(1, 4, 3).view_as(x0);
  const Denoiser network = [&](const at::Tensor&, const at::Tensor&) { return eps; };
  EXPECT_NEAR(d.vb_term(network, x0, at::zeros({1}, at::kLong), eps, false).item<double>(),
              0.5 * (std::log(2 * std::numbers::pi) - 9.81672514) / std::numbers::ln2, 1e-8);
}

TEST(Losses, PriorTermIsTheSchedulesForEachSample) {
  const auto d = make(LossKind::kSimple);
  const at::Tensor x0 = at::tensor({1.0, -1.0, 0.5, 0.0}, at::kDouble).view({2, 2});
  const at::Tensor bits = prior_term(d.schedule(), x0);
  EXPECT_NEAR(bits[0].item<double>(), 2.91129454e-05, 1e-13);
  EXPECT_NEAR(bits[1].item<double>(), d.schedule().prior_bits_per_dim(0.125), 1e-16);
}

// E over x_0 ~ N(0, variance) and ε of each row's KL, in bits: [T]. The KL is quadratic in
// (x_0, ε), so the mean over the signs (±s, ±1) is the expectation itself.
at::Tensor expected_terms(const GaussianDiffusion& d, const Denoiser& network, double variance) {
  const double s = std::sqrt(variance);
  const at::Tensor x0 = at::tensor({s, s, -s, -s}, at::kDouble).expand({1000, 4});
  const at::Tensor eps = at::tensor({1.0, -1.0, 1.0, -1.0}, at::kDouble).expand({1000, 4});
  return d.vb_term(network, x0, at::arange(1000, at::kLong), eps, false);
}

// For s² = 1, σ² = β all terms but L_0 sum to ½ log2(1 / (1 − ᾱ_1)) = ½ log2(1e4).
TEST(Losses, OraclesBoundIsTheEntropyOfTheFirstStep) {
  const auto d = make(LossKind::kSimple);
  const at::Tensor terms = expected_terms(d, oracle(d, 1), 1);
  EXPECT_NEAR(terms.slice(0, 1).sum().item<double>() + d.schedule().prior_bits_per_dim(1),
              0.5 * std::log2(1e4), 1e-6);
  EXPECT_GE(terms.slice(0, 1).min().item<double>(), 0);
}

// tests/reference/schedule_reference.py: L_T and the terms above t, s² = 1/4.
TEST(Losses, OraclesRateMatchesTheReference) {
  const auto d = make(LossKind::kSimple);
  const at::Tensor terms = expected_terms(d, oracle(d, 0.25), 0.25);
  const auto rate = [&](int64_t t) {
    return d.schedule().prior_bits_per_dim(0.25) + terms.slice(0, t + 1).sum().item<double>();
  };
  EXPECT_NEAR(rate(999), 7.27867696e-06, 1e-13);
  EXPECT_NEAR(rate(200), 0.282142765, 1e-8);
  EXPECT_NEAR(rate(10), 3.422604, 1e-6);
  EXPECT_NEAR(rate(1), 5.07745783, 1e-7);
  EXPECT_NEAR(rate(0), 5.64564832, 1e-7);
}

TEST(Losses, PointDataCostsNothingWithThePosteriorsVariance) {
  const auto d = make(LossKind::kSimple, PredictionKind::kEpsilon, VarianceKind::kFixedSmall);
  const at::Tensor terms = expected_terms(d, oracle(d, 0), 0);
  EXPECT_NEAR(terms.slice(0, 1).abs().max().item<double>(), 0, 1e-12);
}

// The expectation above against plain Monte Carlo, in float32 as in use.
TEST(Losses, OraclesTermAgreesWithMonteCarlo) {
  const auto d = make(LossKind::kSimple);
  const Denoiser network = oracle(d, 1);
  const at::Tensor expected = expected_terms(d, network, 1);
  const int64_t rows = 4000;
  for (const int64_t t : {1, 100, 999}) {
    const at::Tensor terms =
        d.vb_term(network, noise_rows(rows, 4, 10).to(at::kFloat), at::full({rows}, t, at::kLong),
                  noise_rows(rows, 4, 11).to(at::kFloat), false);
    const double error = terms.std().item<double>() / std::sqrt(rows);
    EXPECT_NEAR(terms.mean().item<double>(), expected[t].item<double>(), 5 * error + 1e-6) << t;
  }
}

}  // namespace
}  // namespace diffuse
