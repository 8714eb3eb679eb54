// Shared by the reader and writer of zip archives: signatures, little-endian numbers, checksums.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace diffuse {

inline constexpr uint32_t kLocalHeader = 0x04034b50;
inline constexpr uint32_t kDirectoryHeader = 0x02014b50;
inline constexpr uint32_t kDirectoryEnd = 0x06054b50;
inline constexpr uint32_t kZip64End = 0x06064b50;
inline constexpr uint32_t kZip64Locator = 0x07064b50;
inline constexpr uint64_t kMax32 = 0xffffffff;
inline constexpr uint64_t kMax16 = 0xffff;
inline constexpr uint16_t kZip64Extra = 1;

// Little-endian integers of `size` bytes.
inline void put(std::string& out, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

inline uint64_t get(std::string_view bytes, size_t offset, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i)
    value |= uint64_t{static_cast<unsigned char>(bytes[offset + i])} << (8 * i);
  return value;
}

inline uint32_t crc_of(std::string_view bytes, uint32_t crc = 0) {
  if (bytes.empty()) return crc;  // zlib returns the initial value for a null pointer
  return static_cast<uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace diffuse
