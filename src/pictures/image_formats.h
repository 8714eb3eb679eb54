// Known picture formats, supported or not, recognised by content or by a file's ending.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

struct ImageFormat {
  std::string_view name;
  std::vector<std::string_view> endings;    // lower case, without the dot
  bool (*holds)(std::string_view bytes);    // by a file's beginning; null: only by its ending
  Image (*decode)(std::string_view bytes);  // null: not supported
  std::string_view missing_library = {};    // needed to support it in this build
};

const std::vector<ImageFormat>& image_formats();

// By a file's first bytes, or by the ending of its name. Null for none.
const ImageFormat* format_of_content(std::string_view bytes);
const ImageFormat* format_of_ending(std::string_view ending);

// "convert to PNG or JPEG", or the library that this build lacks.
std::string what_to_do(const ImageFormat& format);

}  // namespace diffuse
