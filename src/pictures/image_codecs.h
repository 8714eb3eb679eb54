// What image_file.cpp needs of the libraries of the formats, one file each. Errors are Error without
// the file's name.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/pictures/image_file.h"
#include "src/pictures/stored_image.h"

namespace diffuse {

Image decode_png(std::string_view bytes);
StoredImage decode_stored_png(std::string_view bytes);
Image decode_jpeg(std::string_view bytes);
Image decode_bmp(std::string_view bytes);

// Built where their libraries were found: libwebp, libtiff, giflib. Of several pictures, the first.
Image decode_webp(std::string_view bytes);
bool is_lossy_webp(std::string_view bytes);  // false of what is none
Image decode_tiff(std::string_view bytes);
Image decode_gif(std::string_view bytes);

// The orientation (1 to 8; 1 = upright) that an EXIF block, from its TIFF header on, asks for.
int exif_orientation(std::string_view tiff);

// The pixels turned and mirrored so that they are upright.
Image upright(Image image, int orientation);

// Throws when a side is too long, before anything is allocated for it.
void check_image_size(int64_t height, int64_t width);

// The same, and where a large image of these formats, which pack one colour into almost nothing, is in a
// file so small that it can only be a trap.
void check_packed_size(int64_t height, int64_t width, size_t file_bytes);

// A colour of this opacity on white, rounded to the nearest.
inline uint8_t on_white(int colour, int opacity) {
  return static_cast<uint8_t>((colour * opacity + 255 * (255 - opacity) + 127) / 255);
}

// RGBA, row by row, on white.
Image rgba_on_white(int64_t height, int64_t width, const uint8_t* rgba);

}  // namespace diffuse
