// The formats of pictures that are known, told by content or by a file's ending, read or not.
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
  bool (*holds)(std::string_view bytes);    // what a file begins with; null: only by its ending
  Image (*decode)(std::string_view bytes);  // null: not read
  std::string_view missing_library = {};    // that this build would need to read it
};

const std::vector<ImageFormat>& image_formats();

// By a file's first bytes, or by the ending of its name. Null where it is none of them.
const ImageFormat* format_of_content(std::string_view bytes);
const ImageFormat* format_of_ending(std::string_view ending);

// "convert to PNG or JPEG", or which library this build lacks.
std::string what_to_do(const ImageFormat& format);

}  // namespace diffuse
