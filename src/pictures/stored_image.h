// Pictures as stored in their files, with details that an 8-bit Image lacks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace diffuse {

struct StoredImage {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;   // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  int64_t white = 255;    // the largest number: 65535 with 16 bits
  bool lossy = false;     // black and white may be inexact: JPEG, WebP
  bool on_white = false;  // any transparency has been blended on white
  std::vector<uint16_t> values;

  bool has_alpha() const { return channels % 2 == 0; }
};

// Reads the formats of read_image and throws the same errors. Fewer than 8 bits are widened; palettes are
// applied.
StoredImage read_stored_image(const std::filesystem::path& path);

}  // namespace diffuse
