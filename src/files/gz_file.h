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
  // Throws Error if it is not a regular file or cannot be opened.
  explicit GzFile(const std::filesystem::path& path);
  ~GzFile();
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  // The next `count` bytes, fewer only at the end of the file. Throws Error for a damaged or truncated
  // gzip stream. Memory grows with the data read, not with `count`.
  std::vector<uint8_t> read(int64_t count);

 private:
  std::filesystem::path path_;
  gzFile_s* file_;
};

// The unpacked bytes of a gzip file as a file in memory, which errors call by the name of `path`. Throws
// Error if they are damaged or exceed half of the machine's memory. Callers in one process share it while
// any of them holds it. Thread-safe.
std::shared_ptr<const InputFile> unpack_gzip(const std::filesystem::path& path);

// folder/name or folder/name.gz, whichever exists.
std::optional<std::filesystem::path> find_file(const std::filesystem::path& folder,
                                               const std::string& name);

}  // namespace diffuse
