// Bytes of a file that may be compressed with gzip. No LibTorch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/files/file.h"

struct gzFile_s;

namespace diffuse {

class GzFile {
 public:
  // Throws Error where it is no regular file or cannot be opened.
  explicit GzFile(const std::filesystem::path& path);
  ~GzFile();
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  // The next `count` bytes, fewer only where the file ends. Throws Error for a damaged or cut-off
  // gzip stream. Memory grows with what is there, not with what a header promised.
  std::vector<uint8_t> read(int64_t count);

 private:
  std::filesystem::path path_;
  gzFile_s* file_;
};

// The bytes of a gzip file as a file in memory, which errors call by the name of `path`. Throws Error
// where they are damaged or more than half of the machine's memory. While one caller holds it, others
// in this process get the same. Thread-safe.
std::shared_ptr<const InputFile> unpack_gzip(const std::filesystem::path& path);

// folder/name or folder/name.gz, whichever is there.
std::optional<std::filesystem::path> find_file(const std::filesystem::path& folder,
                                               const std::string& name);

}  // namespace diffuse
