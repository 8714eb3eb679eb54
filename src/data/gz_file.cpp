#include "gz_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "diffuse/core/error.h"

namespace diffuse {

// gzopen reads a file that is not compressed as it stands.
GzFile::GzFile(const std::filesystem::path& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
  if (file_ == nullptr) throw Error(path.string(), ": ", std::strerror(errno));
  gzbuffer(file_, 1 << 17);
}

GzFile::~GzFile() { gzclose_r(file_); }

std::vector<uint8_t> GzFile::read(int64_t count) {
  constexpr int64_t kChunk = 1 << 24;
  std::vector<uint8_t> bytes;
  while (static_cast<int64_t>(bytes.size()) < count) {
    const size_t begin = bytes.size();
    const int64_t wanted = std::min(kChunk, count - static_cast<int64_t>(begin));
    bytes.resize(begin + wanted);
    const int got = gzread(file_, bytes.data() + begin, static_cast<unsigned>(wanted));
    // A gzip stream that stops in the middle reads short and leaves Z_BUF_ERROR behind.
    int status = Z_OK;
    const char* reason = gzerror(file_, &status);
    if (got < 0 || status == Z_BUF_ERROR) {
      if (status == Z_ERRNO) reason = std::strerror(errno);
      if (status == Z_BUF_ERROR) reason = "the compressed data stops in the middle";
      throw Error(path_.string(), ": cannot be read: ", reason);
    }
    bytes.resize(begin + got);
    if (got < wanted) break;
  }
  return bytes;
}

std::optional<std::filesystem::path> find_file(const std::filesystem::path& folder,
                                               const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    const auto path = folder / (name + ending);
    if (std::filesystem::is_regular_file(path)) return path;
  }
  return std::nullopt;
}

}  // namespace diffuse
