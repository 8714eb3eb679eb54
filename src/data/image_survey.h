// What is in a folder or archive of pictures, before anything is resized.
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
  std::vector<std::string> bad;  // a line for each file that cannot be read: which, and why
  std::vector<std::string>
      left_out;                    // a line for each kind of file that is not used, with how many
  std::vector<std::string> notes;  // what was made of the folders
};

// Decodes every picture of an image_folder set. Throws Error where there is none.
ImageSurvey survey_images(const DataConfig& config);

}  // namespace diffuse
