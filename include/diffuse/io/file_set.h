// Many files behind one interface: a folder, or a .zip or .tar archive, which is not unpacked,
// or a .tar.gz, which is unpacked into memory.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

class FileSet {
 public:
  virtual ~FileSet() = default;

  // Paths below the folder or in the archive, with '/' between their parts; sorted.
  const std::vector<std::string>& names() const { return names_; }

  // The whole i-th file. Thread-safe. Throws Error where it cannot be read.
  virtual std::string read(size_t i) const = 0;

  // "photos.zip: cats/1.png" or "photos/cats/1.png", for messages.
  virtual std::string title(size_t i) const = 0;

 protected:
  std::vector<std::string> names_;
};

// Whether the name is that of an archive that open_file_set reads.
bool is_archive(const std::filesystem::path& path);

// The files whose path `wanted` accepts. Throws Error naming `path` where it is none of the three.
std::unique_ptr<FileSet> open_file_set(const std::filesystem::path& path,
                                       const std::function<bool(std::string_view)>& wanted);

}  // namespace diffuse
