// Pictures as their files store them, for what an 8-bit Image does not say.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace diffuse {

struct StoredImage {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;   // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  int64_t white = 255;    // the largest number: 65535 of 16 bits
  bool lossy = false;     // numbers near black and white may stand for either: JPEG, WebP
  bool on_white = false;  // transparency, where there was any, is blended away
  std::vector<uint16_t> values;

  bool has_alpha() const { return channels % 2 == 0; }
};

// Reads what read_image reads and throws as it does. Fewer than 8 bits are widened, palettes looked
// up.
StoredImage read_stored_image(const std::filesystem::path& path);

}  // namespace diffuse
