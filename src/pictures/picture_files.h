// The pictures in a folder or archive, and what there is besides.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "src/files/file_set.h"

namespace diffuse {

struct PictureFiles {
  std::shared_ptr<const FileSet> files;
  std::vector<size_t> pictures;  // numbers in `files`, in the order of their names
  std::vector<size_t> labels;    // likewise of files called dataset.json
  LeftOut left_out;  // pictures in formats that are not read, and what the file set names
  LeftOut others;    // files that are no pictures
};

// By the endings of names; a file without an ending is a picture if it begins as one. Throws Error where
// there is none.
PictureFiles find_pictures(const std::filesystem::path& path);

}  // namespace diffuse
