#include "src/eval/precision_recall.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "tests/eval/features.h"

namespace diffuse {
namespace {

// tests/reference/metrics_reference.py: torch-fidelity with 3 neighbours.
TEST(PrecisionRecall, EqualsTorchFidelitys) {
  const auto result = precision_recall(sample_features(400, 8), 0.6 * data_features(300, 8));
  EXPECT_NEAR(result.precision, 0.2225, 1e-6);
  EXPECT_NEAR(result.recall, 269.0 / 300, 1e-6);
}

// Data 0, 1, 2, 3, 10: with one neighbour the radii are 1, 1, 1, 1, 7. Samples -0.5 and 2.5 lie near,
// 20 and 30 outside. Their radii are 3, 3, 10, 10: they cover 0 to 3 and 10.
TEST(PrecisionRecall, CountsWhatTheBallsCover) {
  const at::Tensor data = at::tensor({0.0, 1.0, 2.0, 3.0, 10.0}).unsqueeze(1);
  const at::Tensor samples = at::tensor({-0.5, 2.5, 20.0, 30.0}).unsqueeze(1);
  const auto result = precision_recall(samples, data, {.neighbours = 1});
  EXPECT_EQ(result.precision, 0.5);
  EXPECT_EQ(result.recall, 1.0);
  const auto lost = precision_recall(samples + 100, data, {.neighbours = 1});
  EXPECT_EQ(lost.precision, 0);
  EXPECT_EQ(lost.recall, 0);
}

TEST(PrecisionRecall, TellsHowFarItIs) {
  std::vector<int64_t> seen;
  PrecisionRecallOptions options;
  options.progress = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 2 * (600 + 40));
    seen.push_back(done);
  };
  precision_recall(sample_features(600, 4), data_features(40, 4), options);
  EXPECT_EQ(seen, (std::vector<int64_t>{40, 552, 640, 1152, 1240, 1280}));
}

TEST(PrecisionRecall, WantsMoreSamplesThanNeighbours) {
  EXPECT_THROW(precision_recall(sample_features(3, 4), data_features(40, 4)), Error);
}

}  // namespace
}  // namespace diffuse
