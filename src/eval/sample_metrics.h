// Metrics that compare samples with data, in one pass over each set.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "diffuse/config/config.h"
#include "diffuse/distributed/world.h"
#include "src/eval/channel_sums.h"
#include "src/eval/feature_extractor.h"
#include "src/eval/inception_score.h"
#include "src/eval/kernel_distance.h"
#include "src/eval/precision_recall.h"
#include "src/eval/reference_statistics.h"

namespace diffuse {

// A set, read once, in order. Items are float32: images [B, C, H, W] in
// [-1, 1], signals [B, C, L] or points [B, D].
struct SampleSource {
  int64_t count = 0;
  int64_t batch = 64;
  std::function<at::Tensor(int64_t first, int64_t count)> read;
};

struct SampleMetricsOptions {
  bool fid = false, kid = false, inception = false, precision_recall = false;  // of images
  bool sliced_wasserstein = false, mmd = false;    // of points and signals
  std::optional<ReferenceStatistics> reference{};  // of the FID, instead of the data's
  KernelDistanceOptions kernel{};
  int64_t splits = 10;       // of the Inception Score
  int64_t neighbours = 3;    // of precision and recall
  int64_t directions = 500;  // of the sliced Wasserstein distance
  double bandwidth = 0;      // of the MMD; 0 = the median distance of the data
  uint64_t seed = 0;         // of random directions
  c10::Device device = c10::kCPU;

  SampleKind kind = SampleKind::kPoint;  // images are measured as 8-bit values

  // The processes that share each batch for the feature network; each reads both sets completely and gets
  // all figures.
  std::shared_ptr<World> world = std::make_shared<World>();

  // Called with the progress of each stage; an exception ends the measurement.
  std::function<void(const std::string& stage, int64_t done, int64_t total)> progress{};

  bool compares_features() const { return kid || precision_recall; }
  bool wants_data_features() const { return compares_features() || (fid && !reference); }
  bool wants_points() const { return sliced_wasserstein || mmd; }
};

struct SampleMetrics {
  std::optional<double> fid, sliced_wasserstein, mmd;
  std::optional<KernelDistance> kid;
  std::optional<InceptionScore::Result> inception;
  std::optional<PrecisionRecall> precision_recall;
  std::optional<ReferenceStatistics> reference;  // of the FID: as given, or of the data
  double bandwidth = 0;                          // of the MMD
  ChannelMoments samples, data;                  // of images: of their 8-bit values / 127.5 - 1
};

// Throws Error if the requested figures are impossible: too few items, a feature network that fails on the
// data's first item or does not match the reference. Draws no samples.
void check_measurable(const SampleSource& samples, const SampleSource& data,
                      const FeatureExtractor* extractor, const SampleMetricsOptions& options);

// `extractor` may be null without metrics of images. Memory holds one batch at a time, and for each set:
// D^2 numbers for the FID, all features for KID and precision and recall, all points for the distances of
// points. Throws the errors of check_measurable(), and Error for bad features.
SampleMetrics measure_samples(const SampleSource& samples, const SampleSource& data,
                              const FeatureExtractor* extractor,
                              const SampleMetricsOptions& options);

}  // namespace diffuse
