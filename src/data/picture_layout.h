// What the folders of a set of pictures mean: classes, parts, labels in a file. docs/data.md says it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "src/files/file_set.h"

namespace diffuse {

struct PictureEntry {
  size_t file = 0;  // number in the file set
  int64_t label = 0;
};

struct PictureLayout {
  std::shared_ptr<const FileSet> files;
  std::vector<PictureEntry> train;     // or all, where has_held_out is false
  std::vector<PictureEntry> held_out;  // of a set that has a part for it
  bool has_held_out = false;
  std::vector<std::string> class_names;
  LeftOut left_out, others;        // pictures; files that are none
  std::vector<std::string> notes;  // what was made of the folders
};

// Entries are in sorted order with the classes taking turns. A picture without a label in a dataset.json
// that has labels is an Error, or left out where `skip` is set.
PictureLayout lay_out_pictures(const std::filesystem::path& root, bool skip);

}  // namespace diffuse
