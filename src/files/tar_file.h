// Tar archives: POSIX ustar with pax names and sizes, and GNU's long names. A .tar is read in place, a
// .tar.gz or .tgz is unpacked into memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/files/file.h"

namespace diffuse {

// Thread-safe. Throws Error naming the file if it is not a tar archive, truncated or damaged.
class TarReader {
 public:
  struct Entry {
    std::string name;
    uint64_t offset;
    uint64_t size;
    bool link = false;  // a symbolic one; a hard link is an entry with the bytes of its file
  };

  explicit TarReader(const std::filesystem::path& path);

  const std::vector<Entry>& entries() const { return entries_; }  // files and links
  std::string read(const Entry& entry) const { return file_->read(entry.offset, entry.size); }

 private:
  void add(char kind, const std::string& name, Entry entry, const std::string& target);

  std::shared_ptr<const InputFile> file_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace diffuse
