#include "diffuse/diffusion/process.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {
namespace {

const std::vector<ProcessKind> kContinuous{ProcessKind::kVp, ProcessKind::kSubvp, ProcessKind::kVe,
                                           ProcessKind::kEdm, ProcessKind::kFlow};

DiffusionConfig config_of(ProcessKind process, PredictionKind prediction = PredictionKind::kX0,
                          LossKind loss = LossKind::kMse) {
  DiffusionConfig config;
  config.process = process;
  config.prediction = prediction;
  config.loss = loss;
  return config;
}

// Shares 0.05, 0.15, ..., 0.95.
std::vector<double> some_times(const Process& process) {
  std::vector<double> times;
  for (int i = 0; i < 10; ++i) times.push_back(process.time_at((i + 0.5) / 10));
  return times;
}

double log_snr(const Process& process, double time) {
  return -2 * std::log(process.level(time).sigma());
}

// By score_sde's marginal_prob at t = 0.5: log_mean_coeff = -0.25 t^2 (20 - 0.1) - 0.5 t 0.1 = -1.26875.
TEST(Process, HasThePublishedMarginals) {
  const Level vp = make_process(config_of(ProcessKind::kVp))->level(0.5);
  EXPECT_NEAR(vp.a, std::exp(-1.26875), 1e-15);
  EXPECT_NEAR(vp.s, std::sqrt(1 - std::exp(-2.5375)), 1e-15);
  const Level subvp = make_process(config_of(ProcessKind::kSubvp))->level(0.5);
  EXPECT_NEAR(subvp.a, std::exp(-1.26875), 1e-15);
  EXPECT_NEAR(subvp.s, 1 - std::exp(-2.5375), 1e-15);
  const Level edm = make_process(config_of(ProcessKind::kEdm))->level(0.7);
  EXPECT_EQ(edm.a, 1);
  EXPECT_EQ(edm.s, 0.7);
  const Level flow = make_process(config_of(ProcessKind::kFlow))->level(0.25);
  EXPECT_EQ(flow.a, 0.75);
  EXPECT_EQ(flow.s, 0.25);
}

// Between two rows of a chain log sigma is linear; at the rows it is that of the tables, bit for bit.
TEST(Process, OfAChainHasLevelsBetweenItsTimesteps) {
  const auto chain = make_process(config_of(ProcessKind::kDdpm));
  const Level low = chain->level(500), high = chain->level(501);
  const double sigma = std::exp(0.75 * std::log(low.sigma()) + 0.25 * std::log(high.sigma()));
  const Level between = chain->level(500.25);
  EXPECT_NEAR(between.sigma(), sigma, 1e-12);
  EXPECT_NEAR(between.a * between.a + between.s * between.s, 1, 1e-12);
  EXPECT_NEAR(chain->time_between(sigma), 500.25, 1e-9);
  EXPECT_EQ(chain->time_of_sigma(sigma), 500);
  const Levels rows = chain->levels(at::tensor({0, 500, 999}, at::kLong)),
               same = chain->levels(at::tensor({0.0, 500.0, 999.0}, at::kDouble));
  EXPECT_TRUE(at::equal(rows.a, same.a) && at::equal(rows.s, same.s));
  EXPECT_EQ(chain->time_between(1e-9), 0);
  EXPECT_EQ(chain->time_between(1e9), 999);
}

TEST(Process, OfSigmaEndsWhereItsAuthorsDoUnlessTold) {
  const auto ve = make_process(config_of(ProcessKind::kVe)),
             edm = make_process(config_of(ProcessKind::kEdm));
  EXPECT_EQ(ve->first_time(), 0.01);
  EXPECT_EQ(ve->last_time(), 50);
  EXPECT_EQ(edm->first_time(), 0.002);
  EXPECT_EQ(edm->last_time(), 80);
  DiffusionConfig config = config_of(ProcessKind::kVe);
  config.sigma_min = 0.1;
  config.sigma_max = 10;
  EXPECT_NEAR(make_process(config)->time_at(0.5), 1, 1e-15);  // even in log sigma
}

TEST(Process, FindsTheTimeOfANoise) {
  for (const ProcessKind name : kContinuous) {
    const auto process = make_process(config_of(name));
    for (const double time : some_times(*process))
      EXPECT_NEAR(process->time_of_sigma(process->level(time).sigma()), time, 1e-9 * (1 + time))
          << name;
  }
}

TEST(Process, SlopeIsThatOfLogSnrOverItsShares) {
  constexpr double kStep = 1e-6;
  for (const ProcessKind name : kContinuous) {
    const auto process = make_process(config_of(name));
    for (const double share : {0.1, 0.5, 0.9}) {
      const double below = log_snr(*process, process->time_at(share - kStep));
      const double above = log_snr(*process, process->time_at(share + kStep));
      const double slope =
          process->log_snr_slope(at::full({1}, process->time_at(share), at::kDouble))
              .item<double>();
      EXPECT_NEAR(slope / ((below - above) / (2 * kStep)), 1, 1e-6) << name << " " << share;
    }
  }
}

TEST(Process, KnowsThePartAndTheTimeTold) {
  for (const ProcessKind name : {ProcessKind::kDdpm, ProcessKind::kVp, ProcessKind::kSubvp,
                                 ProcessKind::kVe, ProcessKind::kEdm, ProcessKind::kFlow}) {
    const auto process = make_process(config_of(name));
    const at::Tensor times = at::tensor(some_times(*process), at::kDouble);
    EXPECT_TRUE(process->part_of(times, 10).equal(at::arange(10))) << name;
    EXPECT_TRUE(at::allclose(process->time_told(process->told(times)), times, 1e-12, 0)) << name;
    EXPECT_EQ(process->part_of(at::full({1}, process->last_time(), at::kDouble), 4).item<int64_t>(),
              3);
  }
}

// c_skip, c_out, c_in and c_noise of [Karras22] Table 1 at sigma = 0.7, sigma_data = 0.5.
TEST(Edm, ScalesTheNetworkAsPublished) {
  const GaussianDiffusion d(config_of(ProcessKind::kEdm, PredictionKind::kEdm));
  const at::Tensor x = at::full({1, 2}, 1.3, at::kDouble), F = at::full({1, 2}, 0.4, at::kDouble);
  const at::Tensor sigma = at::full({1}, 0.7, at::kDouble);
  const double skip = 0.25 / 0.74, out = 0.7 * 0.5 / std::sqrt(0.74);
  EXPECT_NEAR(d.denoised(F, x, sigma, false).x0[0][0].item<double>(), skip * 1.3 + out * 0.4,
              1e-14);
  const auto input = d.input(x, sigma);
  EXPECT_NEAR(input.x[0][0].item<double>(), 1.3 / std::sqrt(0.74), 1e-14);
  EXPECT_NEAR(input.time.item<double>(), std::log(0.7) / 4, 1e-15);
}

// lambda(sigma) |D - x_0|^2 with lambda = (sigma^2 + sigma_d^2) / (sigma sigma_d)^2, which is the plain
// error of F.
TEST(Edm, LossIsThePublishedOneWhateverIsPredicted) {
  const at::Tensor x0 = at::full({1, 2}, -0.3, at::kDouble),
                   eps = at::full({1, 2}, 0.9, at::kDouble);
  const at::Tensor sigma = at::full({1}, 0.7, at::kDouble);
  const double wrong = 0.25, expected = (0.49 + 0.25) / (0.49 * 0.25) * wrong * wrong;
  for (const PredictionKind prediction :
       {PredictionKind::kEdm, PredictionKind::kX0, PredictionKind::kEpsilon, PredictionKind::kFlow})
    for (const LossKind loss : {LossKind::kEdm, LossKind::kMse}) {
      if (loss == LossKind::kMse && prediction != PredictionKind::kEdm) continue;
      const GaussianDiffusion d(config_of(ProcessKind::kEdm, prediction, loss));
      const Denoiser off = [&](const at::Tensor&, const at::Tensor& t) {
        const auto view = d.view(d.process().told(t));
        const at::Tensor guess = x0 + wrong, noise = (x0 + 0.7 * eps - guess) / 0.7;
        return view.p.unsqueeze(1) * guess + view.q.unsqueeze(1) * noise;
      };
      EXPECT_NEAR(d.loss(off, x0, sigma, eps).item<double>(), expected, 1e-12)
          << prediction << " " << loss;
    }
}

TEST(Prediction, GivesBackX0AndEpsOnEveryProcess) {
  const at::Tensor x0 = at::linspace(-1, 1, 30, at::kDouble).view({10, 3});
  const at::Tensor eps = at::linspace(2, -1.5, 30, at::kDouble).view({10, 3});
  for (const ProcessKind process : kContinuous)
    for (const PredictionKind prediction :
         {PredictionKind::kEpsilon, PredictionKind::kX0, PredictionKind::kV, PredictionKind::kFlow,
          PredictionKind::kEdm, PredictionKind::kScore}) {
      const GaussianDiffusion d(config_of(process, prediction));
      const at::Tensor t = at::tensor(some_times(d.process()), at::kDouble);
      const auto view = d.view(d.process().told(t));
      const at::Tensor y = view.p.unsqueeze(1) * x0 + view.q.unsqueeze(1) * eps;
      const auto read = d.denoised(y, d.q_sample(x0, t, eps), t, false);
      EXPECT_TRUE(at::allclose(read.x0, x0, 1e-7, 1e-7)) << process << " " << prediction;
      EXPECT_TRUE(at::allclose(read.eps, eps, 1e-7, 1e-7)) << process << " " << prediction;
      EXPECT_NEAR(
          d.epsilon_loss([&](const at::Tensor&, const at::Tensor&) { return y; }, x0, t, eps)
              .max()
              .item<double>(),
          0, 1e-20);
    }
}

// v = eps - x_0, and the score of q(x_t | x_0), -(x_t - a x_0) / s^2.
TEST(Prediction, FlowAndScoreAreWhatTheirNamesSay) {
  const at::Tensor x0 = at::full({1, 1}, 0.4, at::kDouble),
                   eps = at::full({1, 1}, -1.1, at::kDouble);
  const at::Tensor t = at::full({1}, 0.3, at::kDouble), zero = at::zeros({1, 1}, at::kDouble);
  const auto square_of = [&](ProcessKind process, PredictionKind prediction) {
    const Denoiser silent = [&](const at::Tensor&, const at::Tensor&) { return zero; };
    return GaussianDiffusion(config_of(process, prediction))
        .loss(silent, x0, t, eps)
        .item<double>();
  };
  EXPECT_NEAR(square_of(ProcessKind::kFlow, PredictionKind::kFlow), 1.5 * 1.5, 1e-14);
  EXPECT_NEAR(square_of(ProcessKind::kVe, PredictionKind::kScore), std::pow(1.1 / 0.3, 2), 1e-12);
}

// The bound's weight, integrated over the shares of time, is that of log snr: [Kingma21] eq. 17. A
// network that is off by 1 in epsilon everywhere costs half the range of log snr.
TEST(Losses, BoundInContinuousTimeIsTheIntegralOverLogSnr) {
  constexpr int64_t kTimes = 20'000;
  for (const ProcessKind name :
       {ProcessKind::kVp, ProcessKind::kSubvp, ProcessKind::kVe, ProcessKind::kEdm}) {
    const GaussianDiffusion d(config_of(name, PredictionKind::kEpsilon, LossKind::kVlbWeighted));
    std::vector<double> times;
    for (int64_t i = 0; i < kTimes; ++i)
      times.push_back(d.process().time_at((static_cast<double>(i) + 0.5) / kTimes));
    const at::Tensor eps = at::zeros({kTimes, 1}, at::kDouble);
    const Denoiser off = [&](const at::Tensor&, const at::Tensor&) { return eps + 1; };
    const double mean = d.loss(off, eps, at::tensor(times, at::kDouble), eps).mean().item<double>();
    const double range = log_snr(d.process(), d.process().first_time()) -
                         log_snr(d.process(), d.process().last_time());
    EXPECT_NEAR(mean / (range / 2), 1, 0.05) << name;
  }
}

}  // namespace
}  // namespace diffuse
