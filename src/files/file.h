// Plain files with every system call's result checked.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace diffuse {

// Throws std::system_error with what errno says of the failed call `what`.
[[noreturn]] void throw_errno(const char* what);

// ".png" of "A.PNG": by its ending, in letters of either case, a file's kind is chosen.
std::string ending_of(const std::filesystem::path& path);

// A buffered file being written. Failures throw std::system_error, which atomic_write turns into an
// Error that names its target. The destructor closes without checking: call close() when done.
class OutputFile {
 public:
  // Empties the file, or goes on after its first `keep` bytes.
  explicit OutputFile(const std::filesystem::path& path, uint64_t keep = 0);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void flush();  // to the kernel: what is written outlives the process
  void close();
  uint64_t position() const { return position_; }  // bytes in the file so far

 private:
  std::FILE* file_;
  uint64_t position_;
};

// A regular file open for reading at any offset. Failures throw Error naming the file.
class InputFile {
 public:
  // Closes what it holds.
  class Descriptor {
   public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();
    int get() const { return value_; }
    int release() { return std::exchange(value_, -1); }  // which the caller closes

   private:
    int value_;
  };

  explicit InputFile(const std::filesystem::path& path);
  InputFile(Descriptor descriptor, std::filesystem::path path);  // open already; `path` names it

  void read(uint64_t offset, void* out, uint64_t size) const;  // all of it, or Error
  std::string read(uint64_t offset, uint64_t size) const;

  // The whole file in memory, read as it is touched, writes kept private; it outlives this object.
  std::shared_ptr<char> map() const;

  Descriptor descriptor() const;  // another one of the same file

  uint64_t size() const { return size_; }
  std::string name() const { return path_.string(); }

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
  uint64_t size_ = 0;
};

}  // namespace diffuse
