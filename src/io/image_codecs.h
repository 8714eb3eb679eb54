// What image_file.cpp needs of libpng and libjpeg. Errors are Error without the file's name.
#pragma once

#include <cstdint>
#include <string_view>

#include "diffuse/io/image_file.h"
#include "diffuse/io/stored_image.h"

namespace diffuse {

Image decode_png(std::string_view bytes);
StoredImage decode_stored_png(std::string_view bytes);
Image decode_jpeg(std::string_view bytes);

// The orientation (1 to 8; 1 = upright) that an EXIF block, from its TIFF header on, asks for.
int exif_orientation(std::string_view tiff);

// The pixels turned and mirrored so that they are upright.
Image upright(Image image, int orientation);

// Throws when a side is too long, before anything is allocated for it.
void check_image_size(int64_t height, int64_t width);

}  // namespace diffuse
