#include "picture_layout.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "dataset_json.h"
#include "diffuse/core/error.h"
#include "picture_part.h"
#include "src/pictures/picture_files.h"

namespace diffuse {
namespace {

using Numbers = std::vector<size_t>;             // of files
using Folders = std::map<std::string, Numbers>;  // "": loose files
using Labels = std::unordered_map<std::string, int64_t>;
struct Group {
  int64_t label = 0;
  Numbers files;
};

std::vector<std::string> names_of(const Folders& folders) {
  std::vector<std::string> names;
  for (const auto& [name, files] : folders) names.push_back(name);
  return names;
}

// The groups take turns.
std::vector<PictureEntry> take_turns(const std::vector<Group>& groups) {
  std::vector<PictureEntry> entries;
  size_t longest = 0;
  for (const Group& group : groups) longest = std::max(longest, group.files.size());
  for (size_t i = 0; i < longest; ++i)
    for (const Group& group : groups)
      if (i < group.files.size()) entries.push_back({group.files[i], group.label});
  return entries;
}

class LayoutReader {
 public:
  LayoutReader(const std::filesystem::path& root, bool skip)
      : found_(find_pictures(root)), names_(found_.files->names()), skip_(skip) {
    layout_.files = found_.files;
    layout_.left_out = found_.left_out;
    layout_.others = found_.others;
  }

  PictureLayout read() {
    Numbers files = found_.pictures;
    std::string begin = shared_folder(files);
    Folders folders = by_folder(files, begin);
    while (leave_out_beside_the_set(folders, begin)) {
      files = folders.begin()->second;
      begin = shared_folder(files);
      folders = by_folder(files, begin);
    }
    const std::vector<std::string> names = names_of(folders);
    const std::string train = find_train(names);
    const std::string held_out = find_held_out(names, part_of(train).before);
    // Alone beside a few pictures, or with a part to hold out: else "train" is a class, of vehicles.
    const bool alone = folders.size() == 2 && folders.contains("") && !train.empty() &&
                       folders.at("").size() < folders.at(train).size();
    if (alone || (!train.empty() && !held_out.empty()))
      read_parts(folders, begin, train, held_out);
    else
      layout_.train = train_entries(files, begin);
    for (const size_t i : found_.labels)
      if (!used_.contains(i)) layout_.others.add("files that are not pictures", names_[i]);
    return std::move(layout_);
  }

 private:
  // "a/b/", the path of the deepest folder that contains all files. They are sorted by name.
  std::string shared_folder(const Numbers& files) const {
    const std::string &first = names_[files.front()], &last = names_[files.back()];
    const auto end = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
    return first.substr(0, first.rfind('/', static_cast<size_t>(end - first.begin())) + 1);
  }

  // The files below `begin`, by their folder there.
  Folders by_folder(const Numbers& files, const std::string& begin) {
    Folders folders;
    for (const size_t i : files) {
      const size_t slash = names_[i].find('/', begin.size());
      if (names_[i].starts_with(begin))
        folders[slash == std::string::npos ? ""
                                           : names_[i].substr(begin.size(), slash - begin.size())]
            .push_back(i);
      else
        layout_.left_out.add("pictures outside the folders of the training part", names_[i]);
    }
    return folders;
  }

  // With a few pictures beside a single folder of folders, that folder is the set.
  bool leave_out_beside_the_set(Folders& folders, const std::string& begin) {
    if (folders.size() != 2 || !folders.begin()->first.empty()) return false;
    const auto& [name, inner] = *folders.rbegin();
    const bool few = folders.begin()->second.size() < inner.size();
    if (!few || part_of(name).part != Part::kNone || labels_for(begin)) return false;
    if (by_folder(inner, shared_folder(inner)).size() < 2) return false;
    leave_out(concat("pictures beside the set, ", begin, name, "/"), folders.begin()->second);
    folders.erase(folders.begin());
    return true;
  }

  void leave_out(const std::string& kind, const Numbers& files) {
    for (const size_t i : files) layout_.left_out.add(kind, names_[i]);
  }

  // `held_out` may be "".
  void read_parts(Folders& folders, const std::string& begin, const std::string& train,
                  const std::string& held_out) {
    const std::string train_begin = shared_folder(folders[train]);
    layout_.train = train_entries(folders[train], train_begin);
    if (!held_out.empty()) {
      const Numbers& files = folders[held_out];
      const std::string alike =
          concat(begin, held_out, train_begin.substr(begin.size() + train.size()));
      const bool there = std::any_of(files.begin(), files.end(),
                                     [&](size_t i) { return names_[i].starts_with(alike); });
      layout_.held_out = held_out_entries(files, there ? alike : shared_folder(files));
    }
    layout_.has_held_out = !layout_.held_out.empty();
    layout_.notes.push_back(
        concat(begin, train, "/ is trained on",
               layout_.has_held_out ? concat(", ", begin, held_out, "/ is held out") : ""));
    for (const auto& [name, files] : folders)
      if (name != train && (name.empty() || name != held_out))
        leave_out(name.empty() ? "pictures beside the parts of the set"
                               : concat("pictures of another part, ", begin, name, "/"),
                  files);
  }

  std::vector<PictureEntry> train_entries(const Numbers& files, const std::string& begin) {
    if (const auto labels = labels_for(begin)) return labelled(files, *labels);
    Folders folders = by_folder(files, begin);
    std::vector<Group> groups;
    if (are_classes(folders))
      for (const auto& [name, inner] : folders) layout_.class_names.push_back(name);
    for (auto& [name, inner] : folders) groups.push_back({label_of(name), std::move(inner)});
    return take_turns(groups);
  }

  // Uses the classes of the training part.
  std::vector<PictureEntry> held_out_entries(const Numbers& files, const std::string& begin) {
    if (const auto labels = labels_for(begin)) return labelled(files, *labels);
    std::vector<Group> groups;
    for (auto& [name, inner] : by_folder(files, begin)) {
      const int64_t label = label_of(name);
      if (label < 0)
        leave_out(name.empty() ? "held-out pictures that are in no class folder"
                               : "pictures of classes that are not in the training part",
                  inner);
      else
        groups.push_back({label, inner});
    }
    return take_turns(groups);
  }

  // 0 without classes; -1 if the folder is not a class.
  int64_t label_of(const std::string& folder) const {
    const auto& names = layout_.class_names;
    const auto found = std::find(names.begin(), names.end(), folder);
    return names.empty() ? 0 : found == names.end() ? -1 : found - names.begin();
  }

  // Two folders or more. Pictures beside them are skipped if they are fewer than the average folder holds,
  // such as a preview or a logo. If there are more, folders must mean something else.
  bool are_classes(Folders& folders) {
    const auto loose = folders.find("");
    if (loose == folders.end()) return folders.size() > 1;
    size_t inside = 0;
    for (const auto& [name, files] : folders) inside += name.empty() ? 0 : files.size();
    const size_t count = loose->second.size(), others = folders.size() - 1;
    if (others > 1 && count * others < inside) {
      leave_out("pictures beside the class folders", loose->second);
      folders.erase(loose);
      return true;
    }
    if (others > 1)
      layout_.notes.push_back(concat("no classes: ", count, " pictures are beside ", others,
                                     " folders with no more on average"));
    return false;
  }

  // The labels of the nearest dataset.json above the pictures.
  std::optional<Labels> labels_for(const std::string& begin) {
    std::optional<size_t> nearest;  // sorted, so the deepest is last
    for (const size_t i : found_.labels)
      if (begin.starts_with(folder_of(i))) nearest = i;
    if (!nearest) return std::nullopt;
    auto labels = parse_dataset_json(found_.files->read(*nearest), found_.files->title(*nearest));
    if (!labels) return labels;
    Labels below;  // by whole path
    for (const auto& [name, label] : *labels) below[folder_of(*nearest) + name] = label;
    if (used_.insert(*nearest).second)
      layout_.notes.push_back(
          concat(names_[*nearest], below.empty() ? " says: no classes" : " has the classes"));
    return below;
  }

  std::string folder_of(size_t file) const {
    return names_[file].substr(0, names_[file].rfind('/') + 1);
  }

  std::vector<PictureEntry> labelled(const Numbers& files, const Labels& labels) {
    std::map<int64_t, Numbers> by_label;
    std::vector<Group> groups;
    if (labels.empty())
      for (auto& [name, inner] : by_folder(files, shared_folder(files)))
        groups.push_back({0, inner});
    else
      by_label = numbers_by_label(files, labels);
    for (auto& [label, inner] : by_label) groups.push_back({label, std::move(inner)});
    return take_turns(groups);
  }

  // Also sets the class names, which are numbers.
  std::map<int64_t, Numbers> numbers_by_label(const Numbers& files, const Labels& labels) {
    std::map<int64_t, Numbers> by_label;
    for (const size_t i : files) {
      const auto found = labels.find(names_[i]);
      if (found == labels.end())
        refuse_without_label(i);
      else
        by_label[found->second].push_back(i);
    }
    for (const auto& [name, label] : labels)
      if (!std::binary_search(names_.begin(), names_.end(), name))
        layout_.left_out.add("labels in dataset.json without a picture", name);
    if (by_label.empty())
      throw Error("dataset.json: has a label for none of ", files.size(), " pictures, such as ",
                  found_.files->title(files.front()), "; it names ",
                  printable(std::min_element(labels.begin(), labels.end())->first));
    for (int64_t i = std::ssize(layout_.class_names); i <= by_label.rbegin()->first; ++i)
      layout_.class_names.push_back(std::to_string(i));
    return by_label;
  }

  void refuse_without_label(size_t file) {
    if (!skip_)
      throw Error(found_.files->title(file),
                  ": has no label in dataset.json; data.on_error = skip ",
                  "leaves such pictures out");
    layout_.left_out.add("pictures without a label in dataset.json", names_[file]);
  }

  const PictureFiles found_;
  const std::vector<std::string>& names_;
  const bool skip_;
  PictureLayout layout_;
  std::set<size_t> used_;  // files with labels
};

}  // namespace

PictureLayout lay_out_pictures(const std::filesystem::path& root, bool skip) {
  return LayoutReader(root, skip).read();
}

}  // namespace diffuse
