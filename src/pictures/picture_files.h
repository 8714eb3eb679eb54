// The pictures and other files in a folder or archive.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "src/files/file_set.h"

namespace diffuse {

struct PictureFiles {
  std::shared_ptr<const FileSet> files;
  std::vector<size_t> pictures;  // indices in `files`, in the order of their names
  std::vector<size_t> labels;    // the same for files named dataset.json
  LeftOut left_out;              // pictures in unsupported formats, and the file set's unused files
  LeftOut others;                // files that are not pictures
};

// Recognised by the endings of names; a file without an ending is a picture if it begins as one. Throws
// Error if there is none.
PictureFiles find_pictures(const std::filesystem::path& path);

}  // namespace diffuse
