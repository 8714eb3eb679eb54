// A survey of the pictures in a folder or archive, before resizing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

struct ImageSurvey {
  int64_t files = 0;
  int64_t grey = 0;
  int64_t min_height = 0, max_height = 0, min_width = 0, max_width = 0;  // of readable files
  std::vector<std::string> bad;       // a line per unreadable file: its name and the reason
  std::vector<std::string> left_out;  // a line per kind of unused file, with the count
  std::vector<std::string> notes;     // how the folders were interpreted
};

// Decodes every picture of an image_folder set. Throws Error if there is none.
ImageSurvey survey_images(const DataConfig& config);

}  // namespace diffuse
