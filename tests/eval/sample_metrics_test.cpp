#include "src/eval/sample_metrics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "diffuse/core/error.h"
#include "src/arrays/array_file.h"
#include "src/eval/point_distance.h"
#include "tests/eval/features.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

SampleSource rows_of(const at::Tensor& x, int64_t batch) {
  return {x.size(0), batch,
          [x](int64_t first, int64_t count) { return x.slice(0, first, first + count); }};
}

TEST(MeasureSamples, ComparesPointsWhateverTheBatch) {
  const at::Tensor x = sample_features(300, 2), y = data_features(200, 2);
  const SampleMetricsOptions options{.sliced_wasserstein = true, .mmd = true, .bandwidth = 1.5};
  for (const int64_t batch : {7, 300}) {
    const auto found = measure_samples(rows_of(x, batch), rows_of(y, batch), nullptr, options);
    EXPECT_NEAR(*found.sliced_wasserstein, sliced_wasserstein(x, y), 1e-12);
    EXPECT_NEAR(*found.mmd, gaussian_mmd(x, y, 1.5), 1e-12);
    EXPECT_NEAR(found.samples.mean[1], x.select(1, 1).mean().item<double>(), 1e-12);
    EXPECT_NEAR(found.data.std[0], y.select(1, 0).std(false).item<double>(), 1e-12);
    EXPECT_FALSE(found.fid);
  }
}

TEST(MeasureSamples, TakesTheMedianDistanceForBandwidth) {
  const at::Tensor y = data_features(200, 2);
  const auto found =
      measure_samples(rows_of(sample_features(300, 2), 64), rows_of(y, 64), nullptr, {.mmd = true});
  EXPECT_EQ(found.bandwidth, median_distance(y));
}

TEST(MeasureSamples, TellsTheStagesAndStopsWhenTold) {
  std::vector<std::string> seen;
  SampleMetricsOptions options{.mmd = true};
  options.progress = [&](const std::string& stage, int64_t done, int64_t total) {
    seen.push_back(stage + " " + std::to_string(done) + "/" + std::to_string(total));
    if (stage == "samples") throw std::runtime_error("stopped");
  };
  EXPECT_THROW(measure_samples(rows_of(sample_features(9, 2), 5), rows_of(data_features(8, 2), 5),
                               nullptr, options),
               std::runtime_error);
  EXPECT_EQ(seen, (std::vector<std::string>{"data 5/8", "data 8/8", "samples 5/9"}));
}

TEST(ReferenceStatistics, AreReadBack) {
  const TestFolder folder;
  const auto path = folder.path() / "reference.npz";
  FeatureSums sums;
  sums.add(data_features(50, 3));
  write_statistics(path, {sums.statistics(), 50, "0123456789abcdef0123456789abcdef01234567"});
  const ReferenceStatistics found = read_statistics(path);
  EXPECT_TRUE(at::equal(found.gaussian.mean, sums.statistics().mean));
  EXPECT_TRUE(at::equal(found.gaussian.covariance, sums.statistics().covariance));
  EXPECT_EQ(found.count, 50);
  EXPECT_EQ(found.extractor, "0123456789abcdef0123456789abcdef01234567");
  EXPECT_EQ(digest(found.gaussian), digest(sums.statistics()));
  EXPECT_NE(digest(found.gaussian), digest({found.gaussian.mean + 1, found.gaussian.covariance}));
}

TEST(ReferenceStatistics, CountIsAWholeNumberOfAnyType) {
  const TestFolder folder;
  const auto path = folder.path() / "reference.npz";
  const auto refused = [&](const at::Tensor& count) {
    write_npz(path, {{"mu", at::zeros({1})}, {"sigma", at::ones({1, 1})}, {"count", count}});
    return message_of([&] { read_statistics(path); });
  };
  EXPECT_EQ(refused(at::tensor(50.0, at::kDouble)), "");
  EXPECT_EQ(read_statistics(path).count, 50);
  EXPECT_EQ(refused(at::tensor(1e300, at::kDouble)),
            path.string() + ": count: expected a whole number of items, got 1e+300");
  EXPECT_NE(refused(at::tensor(NAN, at::kDouble)), "");
  EXPECT_NE(refused(at::tensor(int64_t{-1}, at::kLong)), "");
}

TEST(ReferenceStatistics, OfOtherShapesAreRefused) {
  const TestFolder folder;
  const auto path = folder.path() / "bad.npz";
  write_statistics(path, {{at::zeros({3}, at::kDouble), at::eye(2, at::kDouble)}});
  EXPECT_THROW(read_statistics(path), Error);
}

}  // namespace
}  // namespace diffuse
