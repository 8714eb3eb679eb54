#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "tests/data/data_files.h"

namespace diffuse {
namespace {

DataConfig waveforms() {
  DataConfig config{.type = DataType::kWaveforms, .path = ""};
  config.count = 80;
  config.length = 256;
  return config;
}

TEST(Waveforms, AreSignalsOfFourKinds) {
  const auto set = make_dataset(waveforms(), Split::kTrain, 0);
  EXPECT_EQ(set->sample_shape(), (std::vector<int64_t>{1, 256}));
  EXPECT_EQ(set->class_names(),
            (std::vector<std::string>{"sine", "square", "triangle", "sawtooth"}));
  EXPECT_EQ(label_counts(*set), (std::vector<int64_t>{20, 20, 20, 20}));
}

// The mean square of a wave of height a is a^2 / 2, a^2, a^2 / 3 and a^2 / 3.
TEST(Waveforms, HaveTheirKindsRatioOfHeightToPower) {
  const auto set = make_dataset(waveforms(), Split::kTrain, 0);
  const std::vector<double> power{1.0 / 2, 1, 1.0 / 3, 1.0 / 3};
  for (int64_t i = 0; i < 16; ++i) {
    double squares = 0, most = 0;
    for (const double value : values(*set, {i})) {
      squares += value * value / 256;
      most = std::max(most, std::abs(value));
    }
    EXPECT_NEAR(squares / (most * most), power[i % 4], 0.13) << i;
    EXPECT_GE(most, 0.47);
    EXPECT_LE(most, 0.9);
  }
}

TEST(Waveforms, SquaresHaveTwoLevels) {
  const auto set = make_dataset(waveforms(), Split::kTrain, 0);
  const std::vector<float> wave = values(*set, {1});
  EXPECT_EQ(std::set<float>(wave.begin(), wave.end()).size(), 2U);
}

// What z is, by the equation with the coefficients of docs/data.md: items in float32 of a few units.
TEST(Autoregressive, SeriesFollowTheirEquation) {
  DataConfig config{.type = DataType::kAutoregressive, .path = ""};
  config.count = 400;
  config.length = 52;
  const auto set = make_dataset(config, Split::kTrain, 3);
  ASSERT_EQ(set->sample_shape(), (std::vector<int64_t>{4, 52}));
  EXPECT_EQ(set->sample_kind(), SampleKind::kSignal);
  double sums[4] = {}, squares[4] = {}, products = 0;
  for (int64_t item = 0; item < 400; ++item) {
    const std::vector<float> all = values(*set, {item});
    const auto x = [&](int variable, int t) { return double{all[variable * 52 + t]}; };
    for (int t = 2; t < 52; ++t) {
      const double z[4] = {
          (x(0, t) - 1.5 * x(0, t - 1) + 0.8 * x(0, t - 2)) / 0.25,
          (x(1, t) - 0.4 * x(0, t - 1) - 1.2 * x(1, t - 1) + 0.6 * x(1, t - 2)) / 0.3,
          (x(2, t) + 0.3 * x(1, t - 1) - 0.6 * x(2, t - 1) - 0.2 * x(2, t - 2)) / 0.5,
          (x(3, t) - 0.2 * x(0, t - 1) - 0.5 * x(2, t - 1) - 0.3 * x(3, t - 1) +
           0.5 * x(3, t - 2)) /
              0.5};
      for (int i = 0; i < 4; ++i) {
        sums[i] += z[i];
        squares[i] += z[i] * z[i];
      }
      products += z[0] * z[3];
    }
  }
  constexpr double kCount = 400 * 50, kLimit = 4.5 / 141;  // standard errors of a mean of N(0, 1)
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(sums[i] / kCount, 0, kLimit) << i;
    EXPECT_NEAR(squares[i] / kCount, 1, 1.5 * kLimit) << i;
  }
  EXPECT_NEAR(products / kCount, 0, kLimit);
}

// The covariance of the discrete Lyapunov equation, solved by numpy: at the first step too.
TEST(Autoregressive, SeriesAreStationary) {
  DataConfig config{.type = DataType::kAutoregressive, .path = ""};
  config.count = 20000;
  config.length = 3;
  const auto set = make_dataset(config, Split::kHeldOut, 3);
  double variances[3][4] = {}, product = 0;
  for (int64_t item = 0; item < 20000; ++item) {
    const std::vector<float> x = values(*set, {item});
    for (int t = 0; t < 3; ++t)
      for (int i = 0; i < 4; ++i) variances[t][i] += x[i * 3 + t] * x[i * 3 + t] / 20000;
    product += x[1 * 3 + 1] * x[0 * 3 + 0] / 20000;  // x_1 at t and x_0 at t - 1
  }
  const double wanted[4] = {0.56818182, 1.39249772, 1.0631231, 0.65166261};
  for (int t = 0; t < 3; ++t)
    for (int i = 0; i < 4; ++i)  // the standard error of a variance is 0.01 of it
      EXPECT_NEAR(variances[t][i] / wanted[i], 1, 0.045) << t << " " << i;
  EXPECT_NEAR(product, 0.6709158, 0.045);
}

TEST(GeneratedSets, RefuseMoreItemsThanCanBeCounted) {
  for (const DataType type : {DataType::kGaussian, DataType::kShapes}) {
    DataConfig config{.type = type, .path = ""};
    config.count = std::numeric_limits<int64_t>::max();
    config.memory_limit_mb = std::numeric_limits<int64_t>::max();
    EXPECT_TRUE(contains(error_of(config), "lower data.count")) << type;
    config.memory_limit_mb = 4096;
    config.count = int64_t{1} << 49;
    EXPECT_TRUE(contains(error_of(config), "MB of pixels")) << type;
  }
}

TEST(Waveforms, HeldOutOnesAreOthers) {
  const auto set = make_dataset(waveforms(), Split::kTrain, 0);
  const auto held_out = make_dataset(waveforms(), Split::kHeldOut, 0);
  EXPECT_NE(values(*set, {0}), values(*held_out, {0}));
  EXPECT_EQ(values(*set, {5}), values(*make_dataset(waveforms(), Split::kTrain, 0), {5}));
}

}  // namespace
}  // namespace diffuse
