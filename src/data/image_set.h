// Images as bytes, from the file readers and the generator, and their preparation for training: choice of
// items, size and channels.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

struct ImageSet {
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> pixels;  // [N, C, H, W]
  std::vector<int64_t> labels;  // [N]
  std::vector<std::string> class_names;

  int64_t item_bytes() const { return channels * height * width; }
  int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

bool fits_memory(const DataConfig& config, int64_t bytes);

// Throws Error if `bytes` of pixels of `what` exceed config.memory_limit_mb.
void check_memory(const DataConfig& config, int64_t bytes, const std::string& what);

// The same for `count` items of `item_bytes` each.
void check_memory(const DataConfig& config, int64_t count, int64_t item_bytes,
                  const std::string& what);

// The items of a split, of `size` stored items, if the set has no test part: config.held_out of them (0: one
// in twenty) are held out, chosen by a hash of their numbers, independent of the run's seed. In ascending
// order.
std::vector<int64_t> split_indices(const DataConfig& config, int64_t size, Split split,
                                   const std::string& what);

// The number of held-out items, and all items in the order in which they are chosen.
int64_t held_out_count(const DataConfig& config, int64_t size, const std::string& what);
std::vector<int64_t> split_order(int64_t size);

// Keeps the first config.count items; unless `has_test` (the set is already one part), keeps only those of
// `split`.
void keep_configured_items(ImageSet& set, const DataConfig& config, Split split, bool has_test,
                           const std::string& what);

// The central square of one image [C, H, W] as [C, size, size]: the mean of the covered area when
// shrinking, bilinear (pixel centres aligned, edges repeated) when enlarging.
std::vector<uint8_t> resize_square(std::span<const uint8_t> planes, int64_t channels,
                                   int64_t height, int64_t width, int64_t size);

enum class Enlarge { kResize, kPad };  // kPad: the image centred in zeros

// Converts every image to config.image_size and config.channels, unless these are 0. Colour to
// grey is the luminance; grey to colour repeats the plane.
void fit_to_config(ImageSet& set, const DataConfig& config, Enlarge enlarge,
                   const std::string& what);

// Pixels HWC, as in image files, -> planes CHW.
std::vector<uint8_t> to_planes(std::span<const uint8_t> pixels, int64_t channels);

// 0 .. 255 -> [-1, 1]: x / 127.5 - 1.
void to_unit_range(std::span<const uint8_t> bytes, float* out);

}  // namespace diffuse
