// Picture files as 8-bit pixels. No LibTorch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace diffuse {

// 8-bit pixels, row by row, channels interleaved (HWC).
struct Image {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;  // 1 grey, 3 RGB
  std::vector<uint8_t> pixels;
};

// Reads PNG, JPEG, BMP and, if their libraries were found at build time, WebP, TIFF and GIF (the first
// picture of several), recognised by content. Any depth becomes 8 bits, alpha is blended on white, CMYK
// becomes RGB, EXIF orientation is applied. Returns 1 or 3 channels; `channels` = 0 keeps the file's.
// Throws Error naming the file if it is missing, of another format, corrupt, or larger than 16,384 pixels
// on a side (checked before allocation).
Image read_image(const std::filesystem::path& path, int64_t channels = 0);

// The same from a file's bytes; messages use `name`.
Image decode_image(std::string_view bytes, const std::string& name, int64_t channels = 0);

// The formats that this build supports: "PNG, JPEG, WebP".
std::string readable_formats();

// Keywords and what they say: "Software", "diffuse 0.1.0".
using PictureText = std::vector<std::pair<std::string, std::string>>;

// The bytes of a PNG, with `text` as tEXt chunks, or iTXt beyond ASCII.
std::string encode_png(const Image& image, const PictureText& text = {});

// Writes those atomically.
void write_png(const std::filesystem::path& path, const Image& image, const PictureText& text = {});

// The text of such a chunk in a PNG's bytes; "" if there is none, or it is compressed.
std::string find_png_text(std::string_view png, std::string_view keyword);

// Writes an animated GIF atomically; all frames have the same size. Each frame lasts `delay_ms` (in units
// of 10 ms), the last one `last_delay_ms`; it loops forever. Colours are quantised to one palette of 256
// for all frames (grey images are exact).
void write_gif(const std::filesystem::path& path, const std::vector<Image>& frames, int delay_ms,
               int last_delay_ms);

}  // namespace diffuse
