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

// Reads PNG, JPEG, BMP and, where their libraries were there when this was built, WebP, TIFF and GIF
// (of several pictures in a file the first), told apart by content: any depth as 8 bits, alpha blended
// on white, CMYK as RGB, turned upright as an EXIF block asks, as 1 or 3 channels: `channels` = 0 keeps
// what the file has. Throws Error naming the file when it is missing, of another format, corrupt, or
// larger than 16,384 pixels on a side (checked before allocation).
Image read_image(const std::filesystem::path& path, int64_t channels = 0);

// The same from a file's bytes; `name` stands for it in messages.
Image decode_image(std::string_view bytes, const std::string& name, int64_t channels = 0);

// The formats that this build reads: "PNG, JPEG, WebP".
std::string readable_formats();

// The bytes of a PNG, with `text` as tEXt chunks (keyword, value), or iTXt beyond ASCII.
std::string encode_png(const Image& image,
                       const std::vector<std::pair<std::string, std::string>>& text = {});

// Writes those atomically.
void write_png(const std::filesystem::path& path, const Image& image,
               const std::vector<std::pair<std::string, std::string>>& text = {});

// Writes an animated GIF atomically; every frame has the same size. `delay_ms` per frame (GIF counts
// in 10 ms), `last_delay_ms` for the last one; loops for ever. Colours are quantised to one
// palette of 256 for all frames (grey images exactly).
void write_gif(const std::filesystem::path& path, const std::vector<Image>& frames, int delay_ms,
               int last_delay_ms);

}  // namespace diffuse
