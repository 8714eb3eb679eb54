// One interface for many files: a folder, a .zip or .tar archive, which is read in place, or a .tar.gz,
// which is unpacked into memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

// The unused files of a set, by kind.
class LeftOut {
 public:
  void add(const std::string& kind, const std::string& name);
  void add(const LeftOut& other);
  std::vector<std::string> lines() const;  // each "hidden folders: 2 (.git, cats/.cache)"

 private:
  struct Kind {
    int64_t count = 0;
    std::set<std::string> first;  // names
  };
  std::map<std::string, Kind> kinds_;
};

class FileSet {
 public:
  virtual ~FileSet() = default;

  // Paths relative to the folder or archive, with '/' as separator; sorted.
  const std::vector<std::string>& names() const { return names_; }

  // The contents of the i-th file. Thread-safe. Throws Error if it cannot be read.
  virtual std::string read(size_t i) const = 0;

  // Enough of its beginning to recognise its format.
  virtual std::string head(size_t i) const { return read(i); }

  // "photos.zip: cats/1.png" or "photos/cats/1.png", for messages.
  virtual std::string title(size_t i) const = 0;

  // Hidden files and folders (.git, __MACOSX, ...), folders that cannot be listed, and links that are
  // dead, lead into a folder already listed, or are in an archive.
  const LeftOut& left_out() const { return left_out_; }

 protected:
  std::vector<std::string> names_;
  LeftOut left_out_;
};

// Whether the name, in either case, has the ending of an archive that open_file_set reads.
bool is_archive(const std::filesystem::path& path);

// The files with a path that `wanted` accepts. Throws Error naming `path` if it is none of these kinds.
std::unique_ptr<FileSet> open_file_set(const std::filesystem::path& path,
                                       const std::function<bool(std::string_view)>& wanted);

}  // namespace diffuse
