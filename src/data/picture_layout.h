// The meaning of the folders of a set of pictures: classes, parts, labels in a file. See docs/data.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "src/files/file_set.h"

namespace diffuse {

struct PictureEntry {
  size_t file = 0;  // index in the file set
  int64_t label = 0;
};

struct PictureLayout {
  std::shared_ptr<const FileSet> files;
  std::vector<PictureEntry> train;     // or all, if has_held_out is false
  std::vector<PictureEntry> held_out;  // if the set has such a part
  bool has_held_out = false;
  std::vector<std::string> class_names;
  LeftOut left_out, others;        // pictures; other files
  std::vector<std::string> notes;  // how the folders were interpreted
};

// Entries are sorted, with the classes in turn. A picture without a label in a dataset.json with labels is
// an Error, or skipped if `skip` is set.
PictureLayout lay_out_pictures(const std::filesystem::path& root, bool skip);

}  // namespace diffuse
