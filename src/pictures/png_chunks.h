// The chunks that a PNG file is made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

struct PngChunk {
  std::string_view kind, data;
};

// The chunks of a file's bytes, up to one that is not whole.
std::vector<PngChunk> png_chunks(std::string_view png);

// A chunk's bytes: its length, kind, data and checksum.
std::string png_chunk(std::string_view kind, std::string_view data);

// A number as chunks hold it, its highest byte first.
std::string png_number(uint32_t value, size_t bytes);

inline constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";

}  // namespace diffuse
