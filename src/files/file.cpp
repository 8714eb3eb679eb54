#include "src/files/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "diffuse/core/error.h"

namespace diffuse {

void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string ending_of(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return ending;
}

OutputFile::OutputFile(const std::filesystem::path& path, uint64_t keep)
    : file_(std::fopen(path.c_str(), keep > 0 ? "ab" : "wb")), position_(keep) {
  if (file_ == nullptr) throw_errno("open");
  if (::ftruncate(::fileno(file_), static_cast<off_t>(keep)) != 0) throw_errno("truncate");
}

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::fclose(file_);
}

void OutputFile::write(std::string_view bytes) {
  if (bytes.empty()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) throw_errno("write");
  position_ += bytes.size();
}

void OutputFile::flush() {
  if (std::fflush(file_) != 0) throw_errno("write");
}

void OutputFile::close() {
  if (std::fclose(std::exchange(file_, nullptr)) != 0) throw_errno("close");
}

InputFile::Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

static InputFile::Descriptor open_to_read(const std::filesystem::path& path) {
  InputFile::Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) throw Error(path.string(), ": cannot open: ", std::strerror(errno));
  return descriptor;
}

InputFile::InputFile(const std::filesystem::path& path) : InputFile(open_to_read(path), path) {}

InputFile::InputFile(Descriptor descriptor, std::filesystem::path path)
    : path_(std::move(path)), descriptor_(std::move(descriptor)) {
  struct stat status {};
  const bool known = ::fstat(descriptor_.get(), &status) == 0;
  if (!known || !S_ISREG(status.st_mode))
    throw Error(name(), ": expected a file, got ",
                known && S_ISDIR(status.st_mode) ? "a folder" : "something else");
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::Descriptor InputFile::descriptor() const {
  Descriptor copy(::fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0));
  if (copy.get() < 0) throw Error(name(), ": cannot open: ", std::strerror(errno));
  return copy;
}

void InputFile::read(uint64_t offset, void* out, uint64_t size) const {
  constexpr uint64_t kPiece = uint64_t{1} << 30;  // Linux reads at most 2 GiB in one call
  if (offset > size_ || size > size_ - offset) throw Error(name(), ": truncated");
  auto* bytes = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got =
        ::pread(descriptor_.get(), bytes, std::min(size, kPiece), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(name(), ": cannot read: ", std::strerror(errno));
    if (got == 0) throw Error(name(), ": truncated while being read");
    bytes += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<uint64_t>(got);
  }
}

std::string InputFile::read(uint64_t offset, uint64_t size) const {
  if (offset > size_ || size > size_ - offset) throw Error(name(), ": truncated");
  std::string bytes(size, '\0');
  read(offset, bytes.data(), size);
  return bytes;
}

std::shared_ptr<char> InputFile::map() const {
  void* bytes = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor_.get(), 0);
  if (bytes == MAP_FAILED) throw Error(name(), ": cannot be mapped: ", std::strerror(errno));
  return {static_cast<char*>(bytes), [size = size_](char* start) { ::munmap(start, size); }};
}

}  // namespace diffuse
