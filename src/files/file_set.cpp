#include "src/files/file_set.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>

#include "diffuse/core/error.h"
#include "src/files/file.h"
#include "src/files/tar_file.h"
#include "src/files/zip_file.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

using Wanted = std::function<bool(std::string_view)>;

// Names of files and folders that systems and programs put beside a user's files.
bool is_hidden_part(std::string_view part) {
  constexpr std::array<std::string_view, 6> kHidden{
      "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", "System Volume Information"};
  return (part.starts_with('.') && part != "." && part != "..") ||
         std::find(kHidden.begin(), kHidden.end(), part) != kHidden.end();
}

// Records the first hidden folder of the path, or the hidden file.
bool is_hidden_path(const std::string& name, LeftOut& left_out) {
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    if (is_hidden_part(std::string_view(name).substr(begin, end - begin))) {
      left_out.add(end < name.size() ? "files in hidden folders" : "hidden files", name);
      return true;
    }
    begin = end + 1;
  }
  return false;
}

// Lists a folder. Real folders come first: a link to one of them, or to a parent, adds nothing.
class FolderWalk {
 public:
  FolderWalk(fs::path root, const Wanted& wanted) : root_(std::move(root)), wanted_(wanted) {
    list("");
    while (!links_.empty()) {
      const std::string next = *links_.begin();
      links_.erase(links_.begin());
      list(next);
    }
    std::sort(names.begin(), names.end());
  }

  std::vector<std::string> names;
  LeftOut left_out;

 private:
  void list(const std::string& folder) {
    struct stat status {};
    if (::stat((root_ / folder).c_str(), &status) == 0 &&
        !seen_.emplace(status.st_dev, status.st_ino).second)
      return left_out.add("links to folders that are already read", folder);
    std::error_code failure;
    std::vector<std::string> folders;
    fs::directory_iterator entry(root_ / folder, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure))
      visit(*entry, (fs::path(folder) / entry->path().filename()).generic_string(), folders);
    if (failure && folder.empty())
      throw Error(root_.string(), ": cannot be listed: ", failure.message());
    if (failure) left_out.add(concat("folders that cannot be listed, ", failure.message()), folder);
    for (const std::string& inner : folders) list(inner);
  }

  void visit(const fs::directory_entry& entry, const std::string& name,
             std::vector<std::string>& folders) {
    std::error_code ignored;
    const bool folder = entry.is_directory(ignored);
    if (is_hidden_part(entry.path().filename().string()))
      left_out.add(folder ? "hidden folders" : "hidden files", name);
    else if (folder && entry.is_symlink(ignored))
      links_.insert(name);
    else if (folder)
      folders.push_back(name);
    else if (entry.is_regular_file(ignored))
      keep(name);
    else
      left_out.add(entry.is_symlink(ignored) ? "links to nothing" : "special files", name);
  }

  void keep(const std::string& name) {
    if (wanted_(name)) names.push_back(name);
  }

  const fs::path root_;
  const Wanted& wanted_;
  std::set<std::string> links_;             // to folders, not yet listed
  std::set<std::pair<dev_t, ino_t>> seen_;  // folders
};

class Folder : public FileSet {
 public:
  Folder(fs::path root, const Wanted& wanted) : root_(std::move(root)) {
    FolderWalk walk(root_, wanted);
    names_ = std::move(walk.names);
    left_out_ = std::move(walk.left_out);
  }

  std::string read(size_t i) const override {
    const InputFile file(root_ / names_.at(i));
    return file.read(0, file.size());
  }
  std::string head(size_t i) const override {
    constexpr uint64_t kHead = 64;
    const InputFile file(root_ / names_.at(i));
    return file.read(0, std::min(file.size(), kHead));
  }
  std::string title(size_t i) const override { return (root_ / printable(names_.at(i))).string(); }

 private:
  fs::path root_;
};

// Whether the archive's program wrote Windows paths unchanged: a\\b.png.
template <class Entries>
bool has_windows_paths(const Entries& entries) {
  return std::none_of(entries.begin(), entries.end(),
                      [](const auto& entry) { return entry.name.find('/') != std::string::npos; });
}

// Reader: ZipReader or TarReader.
template <class Reader>
class ArchiveFiles : public FileSet {
 public:
  ArchiveFiles(const fs::path& path, const Wanted& wanted) : path_(path), reader_(path) {
    const bool windows = has_windows_paths(reader_.entries());
    std::vector<std::pair<std::string, const typename Reader::Entry*>> files;
    for (const auto& entry : reader_.entries()) {
      std::string name = entry.name;
      if (windows) std::replace(name.begin(), name.end(), '\\', '/');
      if (name.ends_with('/') || is_hidden_path(name, left_out_)) continue;
      if (entry.link)
        left_out_.add("links in an archive", name);
      else if (wanted(name))
        files.emplace_back(std::move(name), &entry);
    }
    std::stable_sort(files.begin(), files.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < files.size(); ++i) {
      // In a tar, a later entry replaces an earlier one with the same name.
      if (i + 1 < files.size() && files[i].first == files[i + 1].first) {
        left_out_.add("earlier files of the same name in the archive", files[i].first);
        continue;
      }
      names_.push_back(files[i].first);
      entries_.push_back(files[i].second);
    }
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

void LeftOut::add(const std::string& kind, const std::string& name) {
  constexpr size_t kNamed = 3;
  Kind& found = kinds_[kind];
  ++found.count;
  found.first.insert(printable(name));
  if (found.first.size() > kNamed) found.first.erase(std::prev(found.first.end()));
}

void LeftOut::add(const LeftOut& other) {
  for (const auto& [kind, found] : other.kinds_) {
    for (const std::string& name : found.first) add(kind, name);
    kinds_[kind].count += found.count - std::ssize(found.first);
  }
}

std::vector<std::string> LeftOut::lines() const {
  std::vector<std::string> lines;
  for (const auto& [kind, found] : kinds_) {
    const std::vector<std::string> names(found.first.begin(), found.first.end());
    lines.push_back(concat(kind, ": ", found.count, " (", join(names),
                           found.count > std::ssize(names) ? ", ...)" : ")"));
  }
  return lines;
}

static bool is_zip(const fs::path& path) { return ending_of(path) == ".zip"; }

static bool is_tar(const fs::path& path) {
  const std::string ending = ending_of(path);
  return ending == ".tar" || ending == ".tgz" ||
         (ending == ".gz" && ending_of(path.stem()) == ".tar");
}

bool is_archive(const fs::path& path) { return is_zip(path) || is_tar(path); }

std::unique_ptr<FileSet> open_file_set(const fs::path& path, const Wanted& wanted) {
  if (fs::is_directory(path)) return std::make_unique<Folder>(path, wanted);
  if (is_zip(path)) return std::make_unique<ArchiveFiles<ZipReader>>(path, wanted);
  if (is_tar(path)) return std::make_unique<ArchiveFiles<TarReader>>(path, wanted);
  throw Error(path.string(), ": expected a folder, a .zip, a .tar or a .tar.gz archive");
}

}  // namespace diffuse
