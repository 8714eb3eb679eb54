// Pictures side by side with captions. No LibTorch here.
#pragma once

#include <string>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

// Pictures in rows on white, with a caption left of each row and above each column; a list of
// captions may be empty.
Image draw_table(const std::vector<std::vector<Image>>& rows,
                 const std::vector<std::string>& row_captions,
                 const std::vector<std::string>& column_captions);

// A table of one row: pictures side by side, each below its caption.
Image draw_row(const std::vector<Image>& pictures, const std::vector<std::string>& captions);

}  // namespace diffuse
