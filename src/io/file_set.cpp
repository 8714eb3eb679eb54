#include "diffuse/io/file_set.h"

#include <algorithm>
#include <utility>

#include "diffuse/core/error.h"
#include "diffuse/io/file.h"
#include "diffuse/io/tar_file.h"
#include "diffuse/io/zip_file.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

using Wanted = std::function<bool(std::string_view)>;

class Folder : public FileSet {
 public:
  Folder(fs::path root, const Wanted& wanted) : root_(std::move(root)) {
    const auto options = fs::directory_options::follow_directory_symlink;
    try {
      for (const auto& entry : fs::recursive_directory_iterator(root_, options)) {
        std::string name = entry.path().lexically_relative(root_).generic_string();
        if (wanted(name) && entry.is_regular_file()) names_.push_back(std::move(name));
      }
    } catch (const fs::filesystem_error& error) {
      throw Error(root_.string(), ": cannot be listed: ", error.code().message());
    }
    std::sort(names_.begin(), names_.end());
  }

  std::string read(size_t i) const override {
    const InputFile file(root_ / names_.at(i));
    return file.read(0, file.size());
  }
  std::string title(size_t i) const override { return (root_ / printable(names_.at(i))).string(); }

 private:
  fs::path root_;
};

// Reader: ZipReader or TarReader.
template <class Reader>
class ArchiveFiles : public FileSet {
 public:
  ArchiveFiles(const fs::path& path, const Wanted& wanted) : path_(path), reader_(path) {
    for (const auto& entry : reader_.entries())
      if (!entry.name.ends_with('/') && wanted(entry.name)) entries_.push_back(&entry);
    std::sort(entries_.begin(), entries_.end(),
              [](const auto* a, const auto* b) { return a->name < b->name; });
    for (const auto* entry : entries_) names_.push_back(entry->name);
  }

  std::string read(size_t i) const override { return reader_.read(*entries_.at(i)); }
  std::string title(size_t i) const override {
    return concat(path_.string(), ": ", printable(names_.at(i)));
  }

 private:
  fs::path path_;
  Reader reader_;
  std::vector<const typename Reader::Entry*> entries_;
};

}  // namespace

static bool is_tar(std::string_view name) {
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tgz");
}

bool is_archive(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".zip") || is_tar(name);
}

std::unique_ptr<FileSet> open_file_set(const fs::path& path, const Wanted& wanted) {
  if (fs::is_directory(path)) return std::make_unique<Folder>(path, wanted);
  const std::string name = path.filename().string();
  if (name.ends_with(".zip")) return std::make_unique<ArchiveFiles<ZipReader>>(path, wanted);
  if (is_tar(name)) return std::make_unique<ArchiveFiles<TarReader>>(path, wanted);
  throw Error(path.string(), ": expected a folder, a .zip, a .tar or a .tar.gz archive");
}

}  // namespace diffuse
