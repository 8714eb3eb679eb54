#include "src/files/gz_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

#include "diffuse/core/error.h"
#include "src/core/heap.h"

namespace diffuse {

// gzread reads an uncompressed file unchanged.
GzFile::GzFile(const std::filesystem::path& path) : path_(path) {
  InputFile::Descriptor descriptor = InputFile(path).descriptor();
  file_ = gzdopen(descriptor.get(), "rb");
  if (file_ == nullptr) throw Error(path.string(), ": cannot open: ", std::strerror(errno));
  descriptor.release();
  gzbuffer(file_, 1 << 17);
}

GzFile::~GzFile() { gzclose_r(file_); }

std::vector<uint8_t> GzFile::read(int64_t count) {
  constexpr int64_t kChunk = 1 << 20;
  std::vector<uint8_t> bytes;
  while (static_cast<int64_t>(bytes.size()) < count) {
    const size_t begin = bytes.size();
    const int64_t wanted = std::min(kChunk, count - static_cast<int64_t>(begin));
    bytes.resize(begin + wanted);
    const int got = gzread(file_, bytes.data() + begin, static_cast<unsigned>(wanted));
    // A truncated gzip stream gives a short read and Z_BUF_ERROR.
    int status = Z_OK;
    const char* reason = gzerror(file_, &status);
    if (got < 0 || status == Z_BUF_ERROR) {
      if (const char* what = std::strstr(reason, ">: "))  // after zlib's "<fd:5>: "
        reason = what + 3;
      if (status == Z_ERRNO) reason = std::strerror(errno);
      if (status == Z_BUF_ERROR) reason = "the compressed data stops in the middle";
      throw Error(path_.string(), ": cannot be read: ", reason);
    }
    bytes.resize(begin + got);
    if (got < wanted) break;
  }
  return bytes;
}

static InputFile unpack(const std::filesystem::path& path) {
  constexpr int64_t kChunk = 1 << 20;
  GzFile packed(path);
  InputFile::Descriptor memory(::memfd_create("diffuse", MFD_CLOEXEC));
  if (memory.get() < 0) throw Error(path.string(), ": cannot be unpacked: ", std::strerror(errno));
  int64_t size = 0;
  for (;;) {
    const std::vector<uint8_t> bytes = packed.read(kChunk);
    size += std::ssize(bytes);
    if (size > machine_memory() / 2)
      throw Error(path.string(), ": unpacks to more than half of this machine's memory; gunzip it ",
                  "first");
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t written = ::write(memory.get(), bytes.data() + done, bytes.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw Error(path.string(), ": cannot be unpacked: ", std::strerror(errno));
      done += static_cast<size_t>(written);
    }
    if (std::ssize(bytes) < kChunk) return InputFile(std::move(memory), path);
  }
}

std::shared_ptr<const InputFile> unpack_gzip(const std::filesystem::path& path) {
  // A replaced file at the same path has another key.
  using Key = std::tuple<std::filesystem::path, dev_t, ino_t, off_t, int64_t, int64_t>;
  static std::mutex mutex;
  static std::map<Key, std::weak_ptr<const InputFile>> unpacked;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw Error(path.string(), ": cannot open: ", std::strerror(errno));
  const Key key{path,           status.st_dev,         status.st_ino,
                status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  const std::lock_guard lock(mutex);  // also while unpacking: a second caller waits for the first
  std::erase_if(unpacked, [](const auto& item) { return item.second.expired(); });
  if (const auto found = unpacked.find(key); found != unpacked.end())
    if (auto file = found->second.lock()) return file;
  auto file = std::make_shared<const InputFile>(unpack(path));
  unpacked[key] = file;
  return file;
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
