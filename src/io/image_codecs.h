// What image_file.cpp needs of libpng and libjpeg. Errors are Error without the file's name.
#pragma once

#include <cstdint>
#include <string_view>

#include "diffuse/io/image_file.h"

namespace diffuse {

Image decode_png(std::string_view bytes);
Image decode_jpeg(std::string_view bytes);

// Throws when a side is too long, before anything is allocated for it.
void check_image_size(int64_t height, int64_t width);

}  // namespace diffuse
