#include "image_codecs.h"
#include "src/pictures/image_file.h"

namespace diffuse {

// An unsigned integer of `size` bytes; 0 beyond the end.
static uint32_t number(std::string_view bytes, size_t at, size_t size, bool little) {
  if (at + size > bytes.size()) return 0;
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    const size_t byte = at + (little ? size - 1 - i : i);
    value = value << 8 | static_cast<unsigned char>(bytes[byte]);
  }
  return value;
}

int exif_orientation(std::string_view tiff) {
  constexpr uint32_t kOrientation = 0x0112;
  const bool little = tiff.starts_with("II*");
  if (!little && !tiff.starts_with(std::string_view("MM\0*", 4))) return 1;
  const size_t directory = number(tiff, 4, 4, little);
  const uint32_t count = number(tiff, directory, 2, little);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    if (number(tiff, entry, 2, little) != kOrientation) continue;
    const auto value = static_cast<int>(number(tiff, entry + 8, 2, little));
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

// Orientation o of EXIF 2.3 table 6: the place of row 0 and column 0 of the stored pixels. 5 to 8 swap
// rows and columns; 2, 3, 6 and 7 mirror left to right; 3, 4, 7 and 8 top to bottom.
Image upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool swaps = orientation >= 5;
  const bool mirrors_x =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool mirrors_y =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  Image turned{.height = swaps ? image.width : image.height,
               .width = swaps ? image.height : image.width,
               .channels = image.channels,
               .pixels = {}};
  turned.pixels.reserve(image.pixels.size());
  for (int64_t y = 0; y < turned.height; ++y)
    for (int64_t x = 0; x < turned.width; ++x) {
      const int64_t column = mirrors_x ? turned.width - 1 - x : x;
      const int64_t row = mirrors_y ? turned.height - 1 - y : y;
      const int64_t source = swaps ? column * image.width + row : row * image.width + column;
      const auto pixel = image.pixels.begin() + source * image.channels;
      turned.pixels.insert(turned.pixels.end(), pixel, pixel + image.channels);
    }
  return turned;
}

}  // namespace diffuse
