#include "diffuse/diffusion/noise_schedule.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

#include "diffuse/core/error.h"
#include "src/diffusion/loss_weight.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

DiffusionConfig config_of(ScheduleKind schedule, int64_t timesteps = 1000) {
  DiffusionConfig config;
  config.schedule = schedule;
  config.timesteps = timesteps;
  return config;
}

constexpr double kQuoted = 5e-9;  // relative: the reference is quoted to nine digits

double row(const at::Tensor& table, int64_t i) { return table[i].item<double>(); }

void expect_relative(double value, double expected, double tolerance, const std::string& what) {
  EXPECT_NEAR(value, expected, tolerance * std::abs(expected)) << what;
}

// The text of the Error that making this schedule throws.
std::string error_of(const DiffusionConfig& config) {
  return message_of([&] { NoiseSchedule::make(config); });
}

// tests/reference/schedule_reference.py: alpha_bar at 0, T/4, T/2, 3T/4, T-1, and L_T for x_0^2 = 1.
struct Golden {
  ScheduleKind schedule;
  std::array<double, 5> alpha_bar;
  double prior;
};

TEST(NoiseSchedule, MatchesTheReferenceOfEverySchedule) {
  const std::array<Golden, 9> goldens{{
      {ScheduleKind::kLinear,
       {0.9999, 0.521423031, 0.0777966584, 0.00330015836, 4.03582977e-05},
       2.91129454e-05},
      {ScheduleKind::kQuadratic,
       {0.9999, 0.820010236, 0.33127458, 0.0381496574, 0.00073341246},
       0.000529239358},
      {ScheduleKind::kConstant,
       {0.98, 0.00627689695, 4.02035054e-05, 2.57503327e-07, 1.68296736e-09},
       1.21400433e-09},
      {ScheduleKind::kCosine,
       {0.999958716, 0.845887986, 0.492285172, 0.143178646, 2.42876691e-09},
       1.75198499e-09},
      {ScheduleKind::kJsd, {0.999, 0.749, 0.499, 0.249, 0}, 0},
      {ScheduleKind::kWarmup10,
       {0.9999, 0.0172074852, 0.000110213889, 7.05919617e-07, 4.61368668e-09},
       3.32807146e-09},
      {ScheduleKind::kWarmup50,
       {0.9999, 0.277858814, 0.00622565658, 3.9875311e-05, 2.60613513e-07},
       1.87992936e-07},
      {ScheduleKind::kSigmoid,
       {0.999850795, 0.902798916, 0.298887628, 0.00562291858, 3.96818199e-05},
       2.86249503e-05},
      {ScheduleKind::kSigmoidJabri,
       {0.999699721, 0.849863009, 0.498342818, 0.148159681, 3.002792e-07},
       2.16605689e-07},
  }};
  ASSERT_EQ(goldens.size() + 1, words_of<ScheduleKind>().size());  // all but "betas"
  for (const Golden& golden : goldens) {
    const auto schedule = NoiseSchedule::make(config_of(golden.schedule));
    const std::array<int64_t, 5> rows{0, 250, 500, 750, 999};
    for (size_t i = 0; i < rows.size(); ++i)
      expect_relative(row(schedule.alpha_bar(), rows[i]), golden.alpha_bar[i], kQuoted,
                      word_of(golden.schedule));
    expect_relative(schedule.prior_bits_per_dim(1), golden.prior, kQuoted,
                    word_of(golden.schedule));
  }
}

TEST(NoiseSchedule, LinearBetasAreNotRescaledByTheNumberOfSteps) {
  DiffusionConfig config = config_of(ScheduleKind::kLinear, 200);
  config.beta_end = 0.05;
  const auto schedule = NoiseSchedule::make(config);
  EXPECT_EQ(row(schedule.beta(), 0), 1e-4);
  EXPECT_EQ(row(schedule.beta(), 199), 0.05);
  expect_relative(row(schedule.alpha_bar(), 199), 0.00612196524, kQuoted, "alpha_bar");
  expect_relative(schedule.prior_bits_per_dim(1), 0.00442963737, kQuoted, "L_T");
}

// tests/reference/schedule_reference.py, exact rational arithmetic.
TEST(NoiseSchedule, MatchesTheReferenceRowsOfEquation3And9) {
  const auto s = NoiseSchedule::make(config_of(ScheduleKind::kLinear));
  const at::Tensor large = bound_weight(s, s.beta());
  const at::Tensor small = bound_weight(s, s.posterior_variance());
  struct Row {
    int64_t t;
    double posterior_variance, coef_x0, coef_xt, weight_large, weight_small;
  };
  const std::array<Row, 6> rows{{
      {1, 5.45318766e-05, 0.5452915, 0.454708499, 0.272692084, 0.599671512},
      {2, 8.54891152e-05, 0.388706836, 0.61129316, 0.194401977, 0.317995352},
      {10, 0.00025846362, 0.13627786, 0.863722069, 0.068223989, 0.0789765416},
      {100, 0.00205455353, 0.0188954556, 0.981076103, 0.00999623023, 0.0101783834},
      {500, 0.0100513358, 0.00305805708, 0.994104351, 0.00550973453, 0.00551446196},
      {999, 0.0199999835, 0.000128351487, 0.989948678, 0.0102044935, 0.0102045019},
  }};
  for (const Row& want : rows) {
    const std::string name = "row " + std::to_string(want.t);
    expect_relative(row(s.posterior_variance(), want.t), want.posterior_variance, kQuoted, name);
    expect_relative(row(s.coef_x0(), want.t), want.coef_x0, kQuoted, name);
    expect_relative(row(s.coef_xt(), want.t), want.coef_xt, kQuoted, name);
    expect_relative(row(large, want.t), want.weight_large, kQuoted, name);
    expect_relative(row(small, want.t), want.weight_small, kQuoted, name);
  }
  expect_relative(row(large, 0), 0.500050005, kQuoted, "row 0");
  EXPECT_TRUE(std::isinf(row(small, 0)));
}

TEST(NoiseSchedule, FirstPosteriorStepIsCertain) {
  const auto s = NoiseSchedule::make(config_of(ScheduleKind::kCosine));
  EXPECT_EQ(row(s.posterior_variance(), 0), 0.0);
  EXPECT_EQ(row(s.coef_x0(), 0), 1.0);
  EXPECT_EQ(row(s.coef_xt(), 0), 0.0);
  EXPECT_EQ(row(s.posterior_log_variance_clipped(), 0), row(s.posterior_log_variance_clipped(), 1));
  EXPECT_NEAR(std::exp(row(s.posterior_log_variance_clipped(), 1)), row(s.posterior_variance(), 1),
              1e-15);
}

// The mean of x_{t-1} given x_0, by way of x_t: sqrt(alpha_bar_{t-1}) = coef_x0 + coef_xt sqrt(alpha_bar_t).
TEST(NoiseSchedule, PosteriorMeanCarriesTheSignalOfEverySchedule) {
  for (const auto& [kind, word] : Words<ScheduleKind>::list) {
    DiffusionConfig config = config_of(kind, 4);
    if (kind == ScheduleKind::kBetas) config.betas = {0.1, 0.5, 0.2, 1.0};
    const auto s = NoiseSchedule::make(config);
    const at::Tensor signal = s.coef_x0() + s.coef_xt() * s.alpha_bar().sqrt();
    EXPECT_TRUE(at::allclose(signal, s.alpha_bar_prev().sqrt(), 1e-13, 1e-15)) << word;
    EXPECT_TRUE(
        at::allclose(s.alpha_bar() + s.one_minus_alpha_bar(), at::ones({4}, at::kDouble), 1e-14, 0))
        << word;
  }
}

TEST(NoiseSchedule, RescaledScheduleKeepsItsStartAndEndsWithoutSignal) {
  DiffusionConfig config = config_of(ScheduleKind::kLinear);
  config.rescale_zero_terminal_snr = true;
  const auto s = NoiseSchedule::make(config);
  expect_relative(row(s.alpha_bar(), 0), 0.9999, 1e-12, "row 0");
  expect_relative(row(s.alpha_bar(), 250), 0.518860537, kQuoted, "row 250");
  expect_relative(row(s.alpha_bar(), 750), 0.00264410592, kQuoted, "row 750");
  EXPECT_EQ(row(s.alpha_bar(), 999), 0.0);
  EXPECT_TRUE(s.zero_terminal_snr());
  EXPECT_FALSE(NoiseSchedule::make(config_of(ScheduleKind::kLinear)).zero_terminal_snr());
}

TEST(NoiseSchedule, OneStepIsASchedule) {
  const auto s = NoiseSchedule::make(config_of(ScheduleKind::kLinear, 1));
  EXPECT_EQ(row(s.beta(), 0), 1e-4);
  EXPECT_EQ(row(s.posterior_log_variance_clipped(), 0), std::log(1e-4));
}

TEST(NoiseSchedule, PriorTermIsZeroForPureNoiseAndGrowsWithTheSignal) {
  const auto s = NoiseSchedule::make(config_of(ScheduleKind::kLinear));
  expect_relative(s.prior_bits_per_dim(1) - s.prior_bits_per_dim(0),
                  0.5 * 4.03582977e-05 / std::log(2), kQuoted, "slope");
  EXPECT_EQ(NoiseSchedule::make(config_of(ScheduleKind::kJsd)).prior_bits_per_dim(7), 0.0);
}

TEST(NoiseSchedule, RefusesWhatIsNoSchedule) {
  EXPECT_EQ(error_of(config_of(ScheduleKind::kLinear, 0)),
            "/diffusion/timesteps: expected at least 1, got 0");
  DiffusionConfig config = config_of(ScheduleKind::kLinear, 3);
  config.beta_end = 1.5;
  EXPECT_EQ(error_of(config),
            "/diffusion/schedule: linear from beta_start 0.0001 to beta_end 1.5: beta of step 2 is "
            "1.5; expected a number in (0, 1]");
  config = config_of(ScheduleKind::kBetas, 3);
  config.betas = {0.1, 0.2};
  EXPECT_EQ(error_of(config),
            "/diffusion/betas: expected as many values as /diffusion/timesteps, 3, got 2");
  config.betas = {0.1, std::nan(""), 0.3};
  EXPECT_EQ(error_of(config),
            "/diffusion/betas: beta of step 1 is nan; expected a number in (0, 1]");
  config = config_of(ScheduleKind::kLinear, 1);
  config.rescale_zero_terminal_snr = true;
  EXPECT_EQ(error_of(config),
            "/diffusion/rescale_zero_terminal_snr: needs /diffusion/timesteps of 2 or more");
}

TEST(NoiseSchedule, RefusesATableOfBetasOutOfRange) {
  EXPECT_THROW(NoiseSchedule(at::tensor({0.1, 0.0}, at::kDouble)), Error);
  EXPECT_THROW(NoiseSchedule(at::tensor({0.1, 1.0 + 1e-9}, at::kDouble)), Error);
  EXPECT_THROW(NoiseSchedule(at::empty({0}, at::kDouble)), Error);
  EXPECT_THROW(NoiseSchedule(at::ones({2, 2}, at::kDouble)), c10::Error);
}

}  // namespace
}  // namespace diffuse
