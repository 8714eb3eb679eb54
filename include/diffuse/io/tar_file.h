// Tar archives: POSIX ustar with pax names and sizes, and GNU's long names. A .tar is read in place, a
// .tar.gz or .tgz is unpacked into memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/io/file.h"

namespace diffuse {

// Thread-safe. Throws Error naming the file where it is no tar archive, cut off or damaged.
class TarReader {
 public:
  struct Entry {
    std::string name;
    uint64_t offset;
    uint64_t size;
  };

  explicit TarReader(const std::filesystem::path& path);

  const std::vector<Entry>& entries() const { return entries_; }  // regular files alone
  std::string read(const Entry& entry) const { return file_->read(entry.offset, entry.size); }

 private:
  std::shared_ptr<const InputFile> file_;
  std::vector<Entry> entries_;
};

}  // namespace diffuse
