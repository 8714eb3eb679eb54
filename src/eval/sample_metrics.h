// Samples against data: the figures that compare two sets, measured in one pass over each.
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

// A set that is read once, in order. Items are float32: images [B, C, H, W] in
// [-1, 1], signals [B, C, L] or points [B, D].
struct SampleSource {
  int64_t count = 0;
  int64_t batch = 64;
  std::function<at::Tensor(int64_t first, int64_t count)> read;
};

struct SampleMetricsOptions {
  bool fid = false, kid = false, inception = false, precision_recall = false;  // of images
  bool sliced_wasserstein = false, mmd = false;    // of points and signals
  std::optional<ReferenceStatistics> reference{};  // of the FID, instead of the data's own
  KernelDistanceOptions kernel{};
  int64_t splits = 10;       // of the Inception Score
  int64_t neighbours = 3;    // of precision and recall
  int64_t directions = 500;  // of the sliced Wasserstein distance
  double bandwidth = 0;      // of the MMD; 0 = the median distance of the data
  uint64_t seed = 0;         // of random directions
  c10::Device device = c10::kCPU;

  SampleKind kind =
      SampleKind::kPoint;  // images are measured as the 8-bit values of their pictures

  // The processes that divide each batch between them for the feature network; each reads both sets
  // whole and gets all figures.
  std::shared_ptr<World> world = std::make_shared<World>();

  // Told of each stage how much is done; what it throws ends the measurement.
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

// Throws Error where the figures asked for cannot be had: too few items, a feature network that fails
// on the data's first item or gives other features than the reference's. Draws no samples.
void check_measurable(const SampleSource& samples, const SampleSource& data,
                      const FeatureExtractor* extractor, const SampleMetricsOptions& options);

// `extractor` may be null where no figure of images is asked for. Memory holds one batch at a time,
// and of each set: D^2 numbers for the FID, every feature for KID and precision and recall, every
// point for the distances of points. Throws Error where check_measurable() does, and for bad features.
SampleMetrics measure_samples(const SampleSource& samples, const SampleSource& data,
                              const FeatureExtractor* extractor,
                              const SampleMetricsOptions& options);

}  // namespace diffuse
