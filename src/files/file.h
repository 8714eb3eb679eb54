// Plain files, with checks of all system calls.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace diffuse {

// Throws std::system_error for errno after the failed call `what`.
[[noreturn]] void throw_errno(const char* what);

// The ending in lower case, by which a file's kind is chosen: ".png" for "A.PNG".
std::string ending_of(const std::filesystem::path& path);

// A buffered file for writing. Failures throw std::system_error, which atomic_write converts to an Error
// naming its target. The destructor closes without checks: call close() at the end.
class OutputFile {
 public:
  // Truncates the file to its first `keep` bytes and continues there.
  explicit OutputFile(const std::filesystem::path& path, uint64_t keep = 0);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void flush();  // to the kernel: written data outlive the process
  void close();
  uint64_t position() const { return position_; }  // bytes in the file so far

 private:
  std::FILE* file_;
  uint64_t position_;
};

// A regular file open for reading at any offset. Failures throw Error naming the file.
class InputFile {
 public:
  // Owns a file descriptor.
  class Descriptor {
   public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();
    int get() const { return value_; }
    int release() { return std::exchange(value_, -1); }  // the caller closes it

   private:
    int value_;
  };

  explicit InputFile(const std::filesystem::path& path);
  InputFile(Descriptor descriptor, std::filesystem::path path);  // already open; `path` names it

  void read(uint64_t offset, void* out, uint64_t size) const;  // all of it, or throws Error
  std::string read(uint64_t offset, uint64_t size) const;

  // The whole file, mapped into memory copy-on-write; it outlives this object.
  std::shared_ptr<char> map() const;

  Descriptor descriptor() const;  // a duplicate, of the same file

  uint64_t size() const { return size_; }
  std::string name() const { return path_.string(); }

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
  uint64_t size_ = 0;
};

}  // namespace diffuse
