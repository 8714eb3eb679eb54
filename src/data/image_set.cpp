#include "image_set.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "diffuse/core/error.h"
#include "diffuse/core/random.h"
#include "parallel.h"
#include "src/core/luminance.h"

namespace diffuse {

static int64_t megabytes(int64_t bytes) { return bytes / (1 << 20) + (bytes % (1 << 20) != 0); }

bool fits_memory(const DataConfig& config, int64_t bytes) {
  return megabytes(bytes) <= config.memory_limit_mb;
}

void check_memory(const DataConfig& config, int64_t bytes, const std::string& what) {
  if (fits_memory(config, bytes)) return;
  throw Error(what, ": ", megabytes(bytes),
              " MB of pixels, more than data.memory_limit_mb = ", config.memory_limit_mb,
              "; raise it, or lower data.count or data.image_size");
}

void check_memory(const DataConfig& config, int64_t count, int64_t item_bytes,
                  const std::string& what) {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(count, item_bytes, &bytes))
    throw Error(what, ": ", count, " items of ", item_bytes,
                " bytes do not fit in any memory; lower data.count");
  check_memory(config, bytes, what);
}

int64_t held_out_count(const DataConfig& config, int64_t size, const std::string& what) {
  const int64_t one_in_twenty = size > 1 ? std::max<int64_t>(1, size / 20) : 0;
  const int64_t held_out = config.held_out > 0 ? config.held_out : one_in_twenty;
  if (held_out >= size)
    throw Error(what, ": data.held_out = ", held_out, " leaves none of ", size, " items to train");
  return held_out;
}

std::vector<int64_t> split_order(int64_t size) {
  std::vector<std::pair<uint64_t, int64_t>> order(size);
  for (int64_t i = 0; i < size; ++i)
    order[i] = {RandomStream(0, Purpose::kDataset, i).next_u64(), i};
  std::sort(order.begin(), order.end());
  std::vector<int64_t> items;
  for (const auto& [hash, item] : order) items.push_back(item);
  return items;
}

std::vector<int64_t> split_indices(const DataConfig& config, int64_t size, Split split,
                                   const std::string& what) {
  const int64_t held_out = held_out_count(config, size, what);
  const std::vector<int64_t> order = split_order(size);
  const auto middle = order.begin() + held_out;
  std::vector<int64_t> chosen(split == Split::kHeldOut ? order.begin() : middle,
                              split == Split::kHeldOut ? middle : order.end());
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void keep_configured_items(ImageSet& set, const DataConfig& config, Split split, bool has_test,
                           const std::string& what) {
  const int64_t bytes = set.item_bytes();
  if (config.count > 0 && config.count < set.size()) {
    set.labels.resize(config.count);
    set.pixels.resize(config.count * bytes);
  }
  if (has_test) return;
  int64_t kept = 0;  // at most i
  for (const int64_t i : split_indices(config, set.size(), split, what)) {
    const auto item = set.pixels.begin() + i * bytes;
    if (i != kept) std::copy(item, item + bytes, set.pixels.begin() + kept * bytes);
    set.labels[kept++] = set.labels[i];
  }
  set.pixels.resize(kept * bytes);
  set.labels.resize(kept);
}

namespace {
// The source pixels of one target pixel: weights of first, first + 1, ...
struct Taps {
  int64_t first = 0;
  std::vector<float> weights;
};
}  // namespace

// Target pixel i covers [i, i + 1) source / target of the source axis.
static Taps area_taps(int64_t i, int64_t source, int64_t target) {
  const double scale = static_cast<double>(source) / static_cast<double>(target);
  const double begin = static_cast<double>(i) * scale;
  const double end = std::min<double>(begin + scale, static_cast<double>(source));
  Taps taps{static_cast<int64_t>(begin), {}};
  for (int64_t j = taps.first; static_cast<double>(j) < end; ++j) {
    const double at = static_cast<double>(j);
    taps.weights.push_back(
        static_cast<float>((std::min(at + 1, end) - std::max(at, begin)) / scale));
  }
  return taps;
}

static Taps bilinear_taps(int64_t i, int64_t source, int64_t target) {
  const double scale = static_cast<double>(source) / static_cast<double>(target);
  const double centre = (static_cast<double>(i) + 0.5) * scale - 0.5;
  const double at = std::clamp(centre, 0.0, static_cast<double>(source - 1));
  const auto first = static_cast<int64_t>(at);
  const auto fraction = static_cast<float>(at - static_cast<double>(first));
  if (first + 1 == source) return {first, {1.0F}};
  return {first, {1 - fraction, fraction}};
}

static std::vector<Taps> axis_taps(int64_t source, int64_t target) {
  std::vector<Taps> taps;
  for (int64_t i = 0; i < target; ++i)
    taps.push_back(source > target ? area_taps(i, source, target)
                                   : bilinear_taps(i, source, target));
  return taps;
}

std::vector<uint8_t> resize_square(std::span<const uint8_t> planes, int64_t channels,
                                   int64_t height, int64_t width, int64_t size) {
  const int64_t side = std::min(height, width);
  const int64_t top = (height - side) / 2;
  const int64_t left = (width - side) / 2;
  const std::vector<Taps> taps = axis_taps(side, size);
  std::vector<uint8_t> result(channels * size * size);
  std::vector<float> narrow(side * size);  // one plane, resized along its rows
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < side; ++y) {
      const uint8_t* row = planes.data() + (c * height + top + y) * width + left;
      for (int64_t x = 0; x < size; ++x) {
        float sum = 0;
        for (size_t k = 0; k < taps[x].weights.size(); ++k)
          sum += taps[x].weights[k] * static_cast<float>(row[taps[x].first + k]);
        narrow[y * size + x] = sum;
      }
    }
    for (int64_t y = 0; y < size; ++y) {
      for (int64_t x = 0; x < size; ++x) {
        float sum = 0;
        for (size_t k = 0; k < taps[y].weights.size(); ++k)
          sum += taps[y].weights[k] * narrow[(taps[y].first + k) * size + x];
        result[(c * size + y) * size + x] = static_cast<uint8_t>(std::lround(sum));
      }
    }
  }
  return result;
}

// One image [C, H, W] -> [C, size, size], padded with zeros. H, W <= size.
static std::vector<uint8_t> pad_square(std::span<const uint8_t> planes, int64_t channels,
                                       int64_t height, int64_t width, int64_t size) {
  std::vector<uint8_t> result(channels * size * size);
  const int64_t top = (size - height) / 2;
  const int64_t left = (size - width) / 2;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < height; ++y)
      std::copy_n(planes.data() + (c * height + y) * width, width,
                  result.data() + (c * size + top + y) * size + left);
  return result;
}

// One image of 3 or 1 planes as `channels` planes of `area` pixels.
static std::vector<uint8_t> convert_channels(std::vector<uint8_t> planes, int64_t channels,
                                             int64_t area) {
  if (static_cast<int64_t>(planes.size()) == channels * area) return planes;
  std::vector<uint8_t> result(channels * area);
  for (int64_t i = 0; i < channels * area; ++i)
    result[i] = channels == 3 ? planes[i % area]
                              : static_cast<uint8_t>(std::lround(
                                    kLuminance[0] * planes[i] + kLuminance[1] * planes[area + i] +
                                    kLuminance[2] * planes[2 * area + i]));
  return result;
}

void fit_to_config(ImageSet& set, const DataConfig& config, Enlarge enlarge,
                   const std::string& what) {
  const bool keep_size =
      config.image_size == 0 || (set.height == config.image_size && set.width == config.image_size);
  const int64_t height = keep_size ? set.height : config.image_size;
  const int64_t width = keep_size ? set.width : config.image_size;
  const int64_t channels = config.channels == 0 ? set.channels : config.channels;
  if (keep_size && channels == set.channels) return;

  const bool pad = enlarge == Enlarge::kPad && set.height <= height && set.width <= width;
  const int64_t bytes = channels * height * width;
  check_memory(config, set.size() * bytes, what);
  std::vector<uint8_t> pixels(set.size() * bytes);
  parallel_for(set.size(), [&](int64_t i) {
    const std::span<const uint8_t> item(set.pixels.data() + i * set.item_bytes(), set.item_bytes());
    std::vector<uint8_t> planes(item.begin(), item.end());
    if (!keep_size)
      planes = pad ? pad_square(item, set.channels, set.height, set.width, height)
                   : resize_square(item, set.channels, set.height, set.width, height);
    planes = convert_channels(std::move(planes), channels, height * width);
    std::copy(planes.begin(), planes.end(), pixels.begin() + i * bytes);
  });
  set.pixels = std::move(pixels);
  set.channels = channels;
  set.height = height;
  set.width = width;
}

std::vector<uint8_t> to_planes(std::span<const uint8_t> pixels, int64_t channels) {
  const size_t area = pixels.size() / channels;
  std::vector<uint8_t> planes(pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) planes[i % channels * area + i / channels] = pixels[i];
  return planes;
}

void to_unit_range(std::span<const uint8_t> bytes, float* out) {
  for (const uint8_t byte : bytes) *out++ = static_cast<float>(byte) / 127.5F - 1.0F;
}

}  // namespace diffuse
