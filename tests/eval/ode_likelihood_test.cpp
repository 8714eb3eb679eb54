#include "diffuse/eval/ode_likelihood.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "diffuse/core/error.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"
#include "tests/diffusion_configs.h"
#include "tests/fixed_items.h"

namespace diffuse {
namespace {

// -log2 of N(0, variance) averaged over values of the given mean square.
double cross_entropy(double variance, double mean_square) {
  return (std::log(2 * std::numbers::pi * variance) + mean_square / variance) /
         (2 * std::numbers::ln2);
}

double smallest_noise(const GaussianDiffusion& diffusion) {
  return 1 / diffusion.schedule().snr()[0].item<double>();
}

// Solver's figure less the exact one on data N(0, s2).
double error_of(int64_t steps, double s2, const DiffusionConfig& config = {}) {
  const GaussianDiffusion diffusion(config);
  GaussianOracle network(s2, oracle_view(diffusion));
  const OdeLikelihood result = evaluate_ode(network, diffusion, two_valued(4, 8, std::sqrt(s2)),
                                            {.evaluation = {.items = 4}, .steps = steps});
  return result.bits.mean - cross_entropy(s2 + smallest_noise(diffusion), s2);
}

TEST(OdeLikelihood, OfTheOracleIsItsCrossEntropy) {
  for (const double s2 : {1.0, 0.25}) EXPECT_NEAR(error_of(999, s2), 0, 2e-4) << s2;
  EXPECT_NEAR(error_of(999, 0.25, scheduled(ScheduleKind::kCosine, 1000)), 0, 1e-3);
  EXPECT_NEAR(error_of(999, 0.25, linear(200, 0.05)), 0, 1e-3);
}

// The figures of data N(0, 1/4) by a solver, and the exact one: the flow takes the samples' start N(0, size^2) at
// the last level to the first; of the data's variance V there, x_0 + sigma_0 z has V_0 size^2 / V_T.
struct OracleBits {
  OdeLikelihood found;
  double exact;
};

OracleBits oracle_bits(ProcessKind process, const OdeOptions& options) {
  DiffusionConfig config;
  config.process = process;
  if (!config.is_chain()) config.prediction = PredictionKind::kEdm;
  const GaussianDiffusion diffusion(config);
  GaussianOracle network(0.25, oracle_view(diffusion));
  const Process& levels = diffusion.process();
  const double sigma = levels.level(levels.first_time()).sigma();
  const Level last = levels.level(levels.last_time_with_signal());
  const double ratio =
      std::pow(levels.prior_std(last), 2) / (last.a * last.a * 0.25 + last.s * last.s);
  return {evaluate_ode(network, diffusion, two_valued(4, 8, 0.5), options),
          cross_entropy((0.25 + sigma * sigma) * ratio, 0.25)};
}

TEST(OdeLikelihood, OfTheOracleIsItsCrossEntropyOnEveryProcess) {
  for (const ProcessKind process : {ProcessKind::kVp, ProcessKind::kSubvp, ProcessKind::kVe,
                                    ProcessKind::kEdm, ProcessKind::kFlow}) {
    const auto [found, exact] = oracle_bits(process, {.evaluation = {.items = 4}, .steps = 300});
    EXPECT_NEAR(found.bits.mean, exact, 1e-3) << process;
    EXPECT_EQ(found.steps, 300);
    EXPECT_EQ(found.calls, 600);
  }
}

// To the tolerance of steps, of which some tens are taken, and with fewer calls than fixed steps.
TEST(OdeLikelihood, OfTheOracleIsExactToATolerance) {
  for (const ProcessKind process : {ProcessKind::kDdpm, ProcessKind::kVp, ProcessKind::kSubvp,
                                    ProcessKind::kVe, ProcessKind::kEdm, ProcessKind::kFlow}) {
    const auto error = [&](double tolerance) {
      const auto [found, exact] =
          oracle_bits(process, {.evaluation = {.items = 4}, .tolerance = tolerance});
      EXPECT_LT(found.calls, 600) << process;
      return std::abs(found.bits.mean - exact);
    };
    EXPECT_LT(error(1e-3), 2e-2) << process;
    EXPECT_LT(error(1e-5), 2e-4) << process;
  }
}

// Of a chain that ends without signal, where sigma is infinite, and the solver one step before.
TEST(OdeLikelihood, OfAChainThatEndsInNoiseIsExactToATolerance) {
  const GaussianDiffusion diffusion(scheduled(ScheduleKind::kJsd, 1000));
  GaussianOracle network(0.25, oracle_view(diffusion));
  const auto bits = [&](double tolerance) {
    return evaluate_ode(network, diffusion, two_valued(4, 8, 0.5),
                        {.evaluation = {.items = 4}, .steps = 999, .tolerance = tolerance})
        .bits.mean;
  };
  EXPECT_NEAR(bits(1e-5), bits(0), 2e-3);
}

TEST(OdeLikelihood, ErrorFallsWithTheSquareOfTheSteps) {
  const double coarse = std::abs(error_of(50, 0.25)), middle = std::abs(error_of(100, 0.25)),
               fine = std::abs(error_of(200, 0.25));
  EXPECT_LT(coarse, 0.02);
  EXPECT_LT(middle, coarse / 3);
  EXPECT_LT(fine, middle / 3);
}

// Images: the same density, in bits of bins 2 / 255 wide, at points moved within their bins.
TEST(OdeLikelihood, OfImagesCountsBitsOfLevels) {
  const GaussianDiffusion diffusion(DiffusionConfig{});
  GaussianOracle network(0.25, oracle_view(diffusion));
  const FixedItems data(at::full({4, 1, 8, 8}, 127 / 127.5 - 1), SampleKind::kImage);
  const OdeLikelihood result =
      evaluate_ode(network, diffusion, data, {.evaluation = {.items = 4}, .steps = 400});
  const double level = 127 / 127.5 - 1, spread = 1 / (12 * 127.5 * 127.5);
  const double exact = cross_entropy(0.25 + smallest_noise(diffusion), level * level + spread);
  EXPECT_NEAR(result.bits.mean, exact + std::log2(127.5), 3e-4);
}

// eps = A x with A far from diagonal: one probe of the trace is noisy, the mean of many is not.
class Shear : public Network {
 public:
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning&) override {
    return 0.3 * x + 0.3 * x.flip(1);
  }
};

TEST(OdeLikelihood, ProbesAverageToTheTrace) {
  const GaussianDiffusion diffusion(linear(20, 0.2));
  Shear network;
  const FixedItems data(at::ones({64, 2}) * at::tensor({0.5f, -0.25f}));  // all alike
  const auto measure = [&](int64_t probes) {
    return evaluate_ode(network, diffusion, data,
                        {.evaluation = {.items = 64}, .steps = 10, .probes = probes});
  };
  const OdeLikelihood one = measure(1), many = measure(64);
  EXPECT_GT(one.bits.standard_error, 5 * many.bits.standard_error);
  EXPECT_GT(many.bits.standard_error, 0);
  EXPECT_NEAR(one.bits.mean, many.bits.mean,
              5 * (one.bits.standard_error + many.bits.standard_error));
}

TEST(OdeTimes, RiseFromTheFirstToTheLastWithSignal) {
  const auto linear = make_process({});
  const auto all = ode_times(*linear, 100000);
  EXPECT_EQ(all.size(), 1000);
  for (const int64_t steps : {1, 2, 50, 200}) {
    const auto times = ode_times(*linear, steps);
    EXPECT_LE(times.size(), steps + 1);
    EXPECT_EQ(times.front(), 0);
    EXPECT_EQ(times.back(), 999);
  }
  EXPECT_EQ(ode_times(*linear, 50).size(), 50);  // two of the first share a timestep
  EXPECT_EQ(ode_times(*make_process(scheduled(ScheduleKind::kJsd, 1000)), 50).back(), 998);
}

// Of rows that want steps of different lengths.
class Wave : public Network {
 public:
  at::Tensor forward(const at::Tensor& x, const at::Tensor&, const Conditioning&) override {
    return (3 * x).sin();
  }
};

TEST(OdeLikelihood, DoesNotDependOnTheBatch) {
  const GaussianDiffusion diffusion(linear(20, 0.2));
  Wave network;
  const FixedItems data(at::linspace(-2, 2, 28).view({7, 4}));
  for (const double tolerance : {0., 1e-4}) {
    const auto bits = [&](int64_t batch) {
      return evaluate_ode(
                 network, diffusion, data,
                 {.evaluation = {.items = 7, .batch = batch}, .steps = 10, .tolerance = tolerance})
          .bits;
    };
    EXPECT_NEAR(bits(7).mean, bits(2).mean, 1e-12);
    EXPECT_NEAR(bits(7).standard_error, bits(2).standard_error, 1e-12);
  }
}

}  // namespace
}  // namespace diffuse
