#include "src/eval/epsilon_error.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"
#include "tests/fixed_items.h"

namespace diffuse {
namespace {

// For x_0 of N(0, v) or of two values with mean square v, the exact epsilon errs by v / (v + sigma^2); its mean over
// Ho et al.'s chain.
double exact_error(double v) {
  double alpha_bar = 1, sum = 0;
  for (int t = 0; t < 1000; ++t) {
    alpha_bar *= 1 - (1e-4 + (0.02 - 1e-4) * t / 999);
    sum += v / (v + (1 - alpha_bar) / alpha_bar);
  }
  return sum / 1000;
}

Estimate error_of(const DiffusionConfig& config, double v) {
  const GaussianDiffusion diffusion(config);
  GaussianOracle network(v, oracle_view(diffusion));
  return epsilon_error(network, diffusion, two_valued(4000, 8, std::sqrt(v)), {.items = 4000});
}

TEST(EpsilonError, OfTheOracleIsExactOnEveryProcess) {
  for (const ProcessKind process : {ProcessKind::kDdpm, ProcessKind::kVp, ProcessKind::kSubvp,
                                    ProcessKind::kVe, ProcessKind::kEdm, ProcessKind::kFlow}) {
    DiffusionConfig config;
    config.process = process;
    if (process != ProcessKind::kDdpm) config.prediction = PredictionKind::kEdm;
    const Estimate found = error_of(config, 0.25);
    EXPECT_LT(found.standard_error, 0.005) << process;
    EXPECT_NEAR(found.mean, exact_error(0.25), 4 * found.standard_error) << process;
  }
}

TEST(EpsilonError, ComparesOtherChainsAtTheLevelsOfHo) {
  DiffusionConfig cosine;
  cosine.schedule = ScheduleKind::kCosine;
  cosine.timesteps = 400;
  const Estimate found = error_of(cosine, 0.25);
  EXPECT_NEAR(found.mean, exact_error(0.25), 4 * found.standard_error);
}

}  // namespace
}  // namespace diffuse
