#include "png_chunks.h"

#include <zlib.h>

#include <algorithm>

#include "src/pictures/image_file.h"

namespace diffuse {

static uint32_t png_number_at(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string png_number(uint32_t value, size_t bytes) {
  std::string text;
  for (size_t i = bytes; i-- > 0;) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

std::vector<PngChunk> png_chunks(std::string_view png) {
  constexpr size_t kAround = 12;  // length, kind and checksum
  std::vector<PngChunk> chunks;
  if (!png.starts_with(kPngSignature)) return chunks;
  png.remove_prefix(kPngSignature.size());
  while (png.size() >= kAround && png_number_at(png) <= png.size() - kAround) {
    const size_t length = png_number_at(png);
    chunks.push_back({png.substr(4, 4), png.substr(8, length)});
    png.remove_prefix(kAround + length);
  }
  return chunks;
}

std::string png_chunk(std::string_view kind, std::string_view data) {
  const std::string content = std::string(kind).append(data);
  const uLong checksum =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  return png_number(static_cast<uint32_t>(data.size()), 4) + content +
         png_number(static_cast<uint32_t>(checksum), 4);
}

std::string find_png_text(std::string_view png, std::string_view keyword) {
  constexpr std::string_view kNoCompression("\0\0", 2);
  for (const PngChunk& chunk : png_chunks(png)) {
    std::string_view text = chunk.data;
    const size_t end = text.find('\0');
    if (end == std::string_view::npos || text.substr(0, end) != keyword) continue;
    text.remove_prefix(end + 1);
    if (chunk.kind == "tEXt") return std::string(text);
    if (chunk.kind != "iTXt" || !text.starts_with(kNoCompression)) continue;
    text.remove_prefix(kNoCompression.size());
    for (int skipped = 0; skipped < 2; ++skipped)  // a language, and the keyword in it
      text.remove_prefix(std::min(text.find('\0'), text.size() - 1) + 1);
    return std::string(text);
  }
  return "";
}

}  // namespace diffuse
