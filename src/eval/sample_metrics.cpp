#include "src/eval/sample_metrics.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "diffuse/core/error.h"
#include "src/eval/point_distance.h"
#include "src/pictures/picture.h"

namespace diffuse {

namespace {

// Results of one pass over a set.
struct Gathered {
  ChannelSums channels;
  FeatureSums sums;
  std::vector<at::Tensor> features, points;
  std::optional<InceptionScore> inception;
};

struct Pass {
  std::string stage;
  const FeatureExtractor* extractor = nullptr;  // null = no features
  FeatureExtractor::Wanted wanted{};
  bool keep_features = false, keep_points = false;
};

}  // namespace

// Features of images [B, C, H, W]; each process computes its share.
static Features extract(const Pass& pass, const at::Tensor& bytes, World& world) {
  const int64_t count = bytes.size(0);
  const Share own = world.share(count);
  // The network cannot take an empty share: it gets one extra row, which is dropped.
  const int64_t begin = std::min(own.begin, count - 1), end = std::max(own.end, begin + 1);
  Features batch = (*pass.extractor)(bytes.slice(0, begin, end), pass.wanted);
  for (at::Tensor* const rows : {&batch.features, &batch.probabilities})
    if (rows->defined()) *rows = world.gather_rows(rows->slice(0, 0, own.size()), count);
  return batch;
}

static void add_batch(const Pass& pass, int64_t first, const at::Tensor& x,
                      const SampleMetricsOptions& options, Gathered& out) {
  if (!is_image(options.kind)) {
    out.channels.add(x);
    if (pass.keep_points) out.points.push_back(x.to(at::kCPU, at::kDouble).flatten(1));
    return;
  }
  const at::Tensor bytes = to_uint8(x);
  out.channels.add(bytes.to(at::kDouble) / 127.5 - 1);
  if (pass.extractor == nullptr) return;
  const Features batch = extract(pass, bytes, *options.world);
  if (pass.wanted.features) out.sums.add(batch.features);
  if (pass.keep_features) out.features.push_back(batch.features);
  if (out.inception) out.inception->add(first, batch.probabilities);
}

static Gathered gather(const SampleSource& source, const Pass& pass,
                       const SampleMetricsOptions& options) {
  Gathered out;
  if (pass.wanted.probabilities) out.inception.emplace(source.count, options.splits);
  for (int64_t first = 0; first < source.count; first += source.batch) {
    const int64_t count = std::min(source.batch, source.count - first);
    add_batch(pass, first, source.read(first, count), options, out);
    if (options.progress) options.progress(pass.stage, first + count, source.count);
  }
  return out;
}

static void compare_features(const Gathered& samples, const Gathered& data,
                             const SampleMetricsOptions& options, SampleMetrics& result) {
  const at::Tensor x = at::cat(samples.features), y = at::cat(data.features);
  if (options.kid) result.kid = kernel_distance(x, y, options.kernel);
  if (!options.precision_recall) return;
  PrecisionRecallOptions more{.neighbours = options.neighbours, .device = options.device};
  if (options.progress)
    more.progress = [&](int64_t done, int64_t total) {
      options.progress("precision and recall", done, total);
    };
  result.precision_recall = precision_recall(x, y, more);
}

static void compare_points(const Gathered& samples, const Gathered& data,
                           const SampleMetricsOptions& options, SampleMetrics& result) {
  const at::Tensor x = at::cat(samples.points), y = at::cat(data.points);
  if (options.sliced_wasserstein)
    result.sliced_wasserstein = sliced_wasserstein(x, y, options.directions, options.seed);
  if (!options.mmd) return;
  result.bandwidth = options.bandwidth > 0 ? options.bandwidth : median_distance(y);
  result.mmd = gaussian_mmd(x, y, result.bandwidth);
}

static void check_counts(int64_t samples, int64_t data, const SampleMetricsOptions& options) {
  const auto want = [&](const char* figure, int64_t least, int64_t of_data) {
    if (samples < least || data < of_data)
      throw Error(figure, ": expected at least ", least, " samples and ", of_data,
                  " items of data, got ", samples, " and ", data);
  };
  if (options.fid) want("fid", 2, options.reference ? 0 : 2);
  if (options.kid) want("kid", 2, 2);
  if (options.inception) want("is", options.splits, 0);
  if (options.precision_recall) want("pr", options.neighbours + 1, options.neighbours + 1);
  if (options.sliced_wasserstein) want("swd", 1, 1);
  if (options.mmd) want("mmd", 2, 2);
}

// Tests the feature network on one image.
static void try_out(const FeatureExtractor& extractor, const at::Tensor& image,
                    const SampleMetricsOptions& options) {
  const Features found =
      extractor(to_uint8(image), {.features = true, .probabilities = options.inception});
  if (!options.fid || !options.reference) return;
  const int64_t wanted = options.reference->gaussian.mean.size(0);
  if (found.features.size(1) != wanted)
    throw Error("the reference statistics have ", wanted, " features, but ", extractor.name(),
                " returns ", found.features.size(1));
}

void check_measurable(const SampleSource& samples, const SampleSource& data,
                      const FeatureExtractor* extractor, const SampleMetricsOptions& options) {
  check_counts(samples.count, data.count, options);
  const KernelDistanceOptions& kernel = options.kernel;
  if (options.kid && (kernel.subsets < 1 || kernel.subset_size < 2))
    throw Error("kid: expected at least 1 subset of at least 2 samples, got ", kernel.subsets,
                " of ", kernel.subset_size);
  const bool features = options.fid || options.compares_features() || options.inception;
  if (features && data.count > 0) try_out(*extractor, data.read(0, 1), options);
}

SampleMetrics measure_samples(const SampleSource& samples, const SampleSource& data,
                              const FeatureExtractor* extractor,
                              const SampleMetricsOptions& options) {
  SampleMetrics result;
  const bool features = options.fid || options.compares_features();
  check_measurable(samples, data, extractor, options);
  const Gathered y = gather(data,
                            {.stage = "data",
                             .extractor = options.wants_data_features() ? extractor : nullptr,
                             .keep_features = options.compares_features(),
                             .keep_points = options.wants_points()},
                            options);
  if (options.fid && !options.reference)
    result.reference = {y.sums.statistics(), y.sums.count(), extractor->sha1()};
  if (options.fid && options.reference) result.reference = options.reference;
  const Gathered x = gather(samples,
                            {.stage = "samples",
                             .extractor = features || options.inception ? extractor : nullptr,
                             .wanted = {.features = features, .probabilities = options.inception},
                             .keep_features = options.compares_features(),
                             .keep_points = options.wants_points()},
                            options);
  if (options.fid) result.fid = frechet_distance(x.sums.statistics(), result.reference->gaussian);
  if (options.compares_features()) compare_features(x, y, options, result);
  if (options.inception) result.inception = x.inception->result();
  if (options.wants_points()) compare_points(x, y, options, result);
  result.samples = x.channels.moments();
  result.data = y.channels.moments();
  return result;
}

}  // namespace diffuse
