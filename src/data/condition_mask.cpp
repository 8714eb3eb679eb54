#include "condition_mask.h"

#include <ATen/ops/ones.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace diffuse {

int64_t mask_channels(at::IntArrayRef shape) { return shape.size() == 3 ? 1 : shape[0]; }

namespace {

// One row's mask, all known at first, to be filled in.
struct MaskRow {
  float* values;
  int64_t channels, height, width;  // of a signal: the height is 1

  void hide(int64_t channel, int64_t top, int64_t left, int64_t rows, int64_t columns) const {
    float* const plane = values + channel * height * width;
    for (int64_t y = top; y < top + rows; ++y) std::fill_n(plane + y * width + left, columns, 0.0F);
  }
};

// At least one pixel.
int64_t share_of_side(double share, int64_t side) {
  return std::max<int64_t>(1, std::llround(share * static_cast<double>(side)));
}

void hide_boxes(const MaskRow& row, double share, RandomStream& random) {
  const int64_t boxes = 1 + random.below(3);
  for (int64_t i = 0; i < boxes; ++i) {
    const int64_t rows = 1 + random.below(share_of_side(share, row.height));
    const int64_t columns = 1 + random.below(share_of_side(share, row.width));
    const int64_t top = random.below(row.height - rows + 1);
    row.hide(0, top, random.below(row.width - columns + 1), rows, columns);
  }
}

void hide_centre(const MaskRow& row, double share) {
  const int64_t rows = share_of_side(share, row.height), columns = share_of_side(share, row.width);
  row.hide(0, (row.height - rows) / 2, (row.width - columns) / 2, rows, columns);
}

void hide_numbers(const MaskRow& row, double share, RandomStream& random) {
  if (share == 0) share = random.uniform();
  float* const end = row.values + row.channels * row.height * row.width;
  for (float* value = row.values; value < end; ++value)
    if (random.uniform() < share) *value = 0;
}

// With a drawn channel to be unknown and another to be known, whatever the others are.
void hide_channels(const MaskRow& row, double share, RandomStream& random) {
  const int64_t hidden = random.below(row.channels);
  const int64_t known = (hidden + 1 + random.below(row.channels - 1)) % row.channels;
  for (int64_t c = 0; c < row.channels; ++c) {
    const bool hides = random.uniform() < share;
    if (c == hidden || (c != known && hides)) row.hide(c, 0, 0, row.height, row.width);
  }
}

void hide_part(const ConditionConfig& config, const MaskRow& row, RandomStream& random) {
  switch (config.mask) {
    case MaskKind::kBoxes:
      return hide_boxes(row, config.share, random);
    case MaskKind::kCentre:
      return hide_centre(row, config.share);
    case MaskKind::kRandom:
      return hide_numbers(row, config.share, random);
    case MaskKind::kForecast:
      for (int64_t c = 0; c < row.channels; ++c)
        row.hide(c, 0, row.width - config.horizon, 1, config.horizon);
      return;
    case MaskKind::kChannels:
      return hide_channels(row, config.share, random);
  }
}

}  // namespace

at::Tensor draw_masks(const ConditionConfig& config, at::IntArrayRef shape,
                      std::span<const StreamKey> keys) {
  std::vector<int64_t> sizes = shape.vec();
  sizes[0] = mask_channels(shape);
  sizes.insert(sizes.begin(), std::ssize(keys));
  at::Tensor masks = at::ones(sizes, at::kFloat);
  MaskRow row{masks.mutable_data_ptr<float>(), sizes[1], shape.size() == 3 ? shape[1] : 1,
              shape.back()};
  for (const StreamKey& key : keys) {
    RandomStream random(key.seed, Purpose::kCondition, key.index);
    hide_part(config, row, random);
    row.values += masks.stride(0);
  }
  return masks;
}

}  // namespace diffuse
