#pragma once

#include <zlib.h>

#include <filesystem>
#include <string_view>

namespace diffuse {

// Compresses `bytes` into a .gz file.
inline void write_gz(const std::filesystem::path& path, std::string_view bytes) {
  const gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

}  // namespace diffuse
