// The pictures of a layout, decoded.
#pragma once

#include <string>
#include <vector>

#include "diffuse/core/error.h"
#include "parallel.h"
#include "picture_layout.h"
#include "src/pictures/image_file.h"

namespace diffuse {

// channels 0: as the file has them.
inline Image read_picture(const FileSet& files, const PictureEntry& entry, int64_t channels) {
  return decode_image(files.read(entry.file), files.title(entry.file), channels);
}

// Calls use(i, image) for every entry, on several threads. Returns the problem of each: "" if it could be
// read.
template <class Use>
std::vector<std::string> problems_of(const FileSet& files, const std::vector<PictureEntry>& entries,
                                     const Use& use) {
  std::vector<std::string> problems(entries.size());
  parallel_for(std::ssize(entries), [&](int64_t i) {
    try {
      use(i, read_picture(files, entries[i], 0));
    } catch (const Error& error) {
      problems[i] = error.what();
    }
  });
  return problems;
}

}  // namespace diffuse
