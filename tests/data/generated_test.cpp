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
