// The decoders of image_file.cpp, one source file for each format's library. They throw Error without the
// file's name.
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

// Built if their libraries were found: libwebp, libtiff, giflib. The first of several pictures.
Image decode_webp(std::string_view bytes);
bool is_lossy_webp(std::string_view bytes);  // false for other data
Image decode_tiff(std::string_view bytes);
Image decode_gif(std::string_view bytes);

// The bytes of a lossless animation; only with libwebp.
std::string animated_webp(const std::vector<Image>& frames, int delay_ms, int last_delay_ms);

// The orientation (1 to 8; 1 = upright) that an EXIF block, from its TIFF header on, asks for.
int exif_orientation(std::string_view tiff);

// The pixels, rotated and mirrored to be upright.
Image upright(Image image, int orientation);

// Throws if a side is too long; call it before allocation.
void check_image_size(int64_t height, int64_t width);

// The same. Also throws if a large image is in a very small file: these formats compress a single colour
// to almost nothing, so such a file must be a decompression bomb.
void check_packed_size(int64_t height, int64_t width, size_t file_bytes);

// A colour with this opacity on white, rounded to nearest.
inline uint8_t on_white(int colour, int opacity) {
  return static_cast<uint8_t>((colour * opacity + 255 * (255 - opacity) + 127) / 255);
}

// RGBA, row by row, on white.
Image rgba_on_white(int64_t height, int64_t width, const uint8_t* rgba);

}  // namespace diffuse
