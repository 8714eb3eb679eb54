#include "src/data/normalization.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "diffuse/core/error.h"

namespace diffuse {
namespace {

// Calls use(channel, value) for every number of a contiguous float32 batch [B, C, ...].
template <class Use>
void for_each_number(const at::Tensor& batch, const Use& use) {
  const int64_t channels = batch.size(1), numbers = batch.numel();
  const int64_t area = batch.stride(1);
  float* value = batch.mutable_data_ptr<float>();
  for (int64_t i = 0; i < numbers; ++i) use(i / area % channels, value[i]);
}

class NormalizedDataset : public Dataset {
 public:
  NormalizedDataset(std::shared_ptr<const Dataset> set, ChannelMoments moments)
      : set_(std::move(set)), moments_(std::move(moments)) {}

  int64_t size() const override { return set_->size(); }
  std::vector<int64_t> sample_shape() const override { return set_->sample_shape(); }
  // Normalised 8-bit values are arbitrary numbers.
  SampleKind sample_kind() const override {
    return set_->is_image() ? SampleKind::kFloatImage : set_->sample_kind();
  }
  std::vector<std::string> class_names() const override { return set_->class_names(); }
  int64_t label(int64_t index) const override { return set_->label(index); }
  ChannelMoments normalization() const override { return moments_; }

  at::Tensor gather(std::span<const int64_t> indices) const override {
    const at::Tensor batch = set_->gather(indices);
    for_each_number(batch, [&](int64_t c, float& value) {
      value = static_cast<float>((value - moments_.mean[c]) / moments_.std[c]);
    });
    return batch;
  }

 private:
  std::shared_ptr<const Dataset> set_;
  ChannelMoments moments_;
};

}  // namespace

// Sums are relative to the first item, so that a large mean does not cost accuracy.
ChannelMoments channel_moments(const Dataset& set) {
  constexpr int64_t kBatch = 256;
  const int64_t channels = set.sample_shape().at(0);
  std::vector<double> origin, sum(channels), squares(channels);
  int64_t count = 0;  // numbers of one channel
  for (int64_t first = 0; first < set.size(); first += kBatch) {
    std::vector<int64_t> items(std::min(kBatch, set.size() - first));
    std::iota(items.begin(), items.end(), first);
    const at::Tensor batch = set.gather(items);
    if (origin.empty())
      for (int64_t c = 0; c < channels; ++c)
        origin.push_back(batch.const_data_ptr<float>()[c * batch.stride(1)]);
    for_each_number(batch, [&](int64_t c, float value) {
      sum[c] += value - origin[c];
      squares[c] += (value - origin[c]) * (value - origin[c]);
    });
    count += batch.numel() / channels;
  }
  ChannelMoments moments;
  for (int64_t c = 0; c < channels; ++c) {
    const double mean = sum[c] / static_cast<double>(count);
    moments.mean.push_back(origin[c] + mean);
    moments.std.push_back(
        std::sqrt(std::max(squares[c] / static_cast<double>(count) - mean * mean, 0.0)));
  }
  return moments;
}

std::shared_ptr<const Dataset> normalized(std::shared_ptr<const Dataset> set,
                                          const ChannelMoments& moments) {
  const auto channels = static_cast<size_t>(set->sample_shape().at(0));
  if (moments.mean.size() != channels || moments.std.size() != channels)
    throw Error("/data/mean: ", moments.mean.size(), " numbers and ", moments.std.size(),
                " in data.std; the data have ", channels, " channels");
  ChannelMoments used = moments;
  std::replace(used.std.begin(), used.std.end(), 0.0, 1.0);
  return std::make_shared<NormalizedDataset>(std::move(set), std::move(used));
}

DataConfig with_normalization(DataConfig config, const Dataset& set) {
  const ChannelMoments moments = set.normalization();
  if (moments.mean.empty()) return config;
  config.mean = moments.mean;
  config.std = moments.std;
  return config;
}

at::Tensor by_channel(const std::vector<double>& numbers, const at::Tensor& x) {
  std::vector<int64_t> shape(x.dim(), 1);
  shape.at(1) = -1;
  return at::tensor(numbers).to(x.options()).view(shape);
}

at::Tensor to_data_units(const at::Tensor& x, const DataConfig& config) {
  if (config.mean.empty()) return x;
  return x * by_channel(config.std, x) + by_channel(config.mean, x);
}

at::Tensor gather_data_units(const Dataset& set, std::span<const int64_t> indices) {
  return to_data_units(set.gather(indices), with_normalization({}, set));
}

at::Tensor to_network_units(const at::Tensor& x, const DataConfig& config) {
  if (config.mean.empty()) return x;
  return (x - by_channel(config.mean, x)) / by_channel(config.std, x);
}

double log2_scale(const DataConfig& config) {
  double sum = 0;
  for (const double std : config.std) sum += std::log2(std);
  return config.std.empty() ? 0 : sum / static_cast<double>(config.std.size());
}

// Numbers in [-1, 1] have mean^2 + std^2 <= 1.
std::pair<double, double> picture_range(const DataConfig& config) {
  if (!config.range.empty()) return {config.range[0], config.range[1]};
  bool beyond = false;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (size_t c = 0; c < config.mean.size(); ++c) {
    const double mean = config.mean[c], std = config.std[c];
    beyond |= mean * mean + std * std > 1.001;
    low = std::min(low, mean - 2.5 * std);
    high = std::max(high, mean + 2.5 * std);
  }
  return beyond ? std::pair(low, high) : std::pair(-1.0, 1.0);
}

at::Tensor to_picture_range(const at::Tensor& x, const DataConfig& config) {
  const auto [low, high] = picture_range(config);
  if (low == -1 && high == 1) return x;
  return (x - low) * (2 / (high - low)) - 1;
}

at::Tensor from_picture_range(const at::Tensor& x, const DataConfig& config) {
  const auto [low, high] = picture_range(config);
  if (low == -1 && high == 1) return x;
  return (x + 1) * ((high - low) / 2) + low;
}

}  // namespace diffuse
