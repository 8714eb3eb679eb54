#include "src/pictures/image_file.h"

#include <algorithm>

#include "diffuse/core/error.h"
#include "image_codecs.h"
#include "image_formats.h"
#include "src/files/file.h"

namespace diffuse {

// ITU-R 601 luma in 16-bit fixed point, as in Pillow's conversion to "L".
static Image to_grey(const Image& rgb) {
  Image grey{.height = rgb.height, .width = rgb.width, .channels = 1, .pixels = {}};
  grey.pixels.reserve(rgb.pixels.size() / 3);
  for (size_t i = 0; i + 2 < rgb.pixels.size(); i += 3)
    grey.pixels.push_back(static_cast<uint8_t>(
        (19595 * rgb.pixels[i] + 38470 * rgb.pixels[i + 1] + 7471 * rgb.pixels[i + 2] + 0x8000) >>
        16));
  return grey;
}

static Image to_rgb(const Image& grey) {
  Image rgb{.height = grey.height, .width = grey.width, .channels = 3, .pixels = {}};
  rgb.pixels.reserve(grey.pixels.size() * 3);
  for (const uint8_t value : grey.pixels) rgb.pixels.insert(rgb.pixels.end(), 3, value);
  return rgb;
}

static Image decode_any(std::string_view bytes) {
  const ImageFormat* const format = format_of_content(bytes);
  if (format == nullptr)
    throw Error(bytes.empty() ? "an empty file" : "not a picture", "; expected ",
                readable_formats());
  if (format->decode == nullptr)
    throw Error(format->name, ", which is not supported; ", what_to_do(*format));
  return format->decode(bytes);
}

Image read_image(const std::filesystem::path& path, int64_t channels) {
  const InputFile file(path);
  return decode_image(file.read(0, file.size()), path.string(), channels);
}

Image decode_image(std::string_view bytes, const std::string& name, int64_t channels) {
  Image image;
  try {
    image = decode_any(bytes);
  } catch (const Error& error) {
    throw Error(name, ": ", error.what());
  }
  if (channels == 1 && image.channels == 3) return to_grey(image);
  if (channels == 3 && image.channels == 1) return to_rgb(image);
  return image;
}

void check_image_size(int64_t height, int64_t width) {
  constexpr int64_t kMaxSide = 16384;
  if (std::max(height, width) > kMaxSide)
    throw Error("the image is ", width, "x", height, " pixels; expected at most ", kMaxSide,
                " on a side");
}

void check_packed_size(int64_t height, int64_t width, size_t file_bytes) {
  constexpr int64_t kAlwaysRead = int64_t{1} << 22, kMaxPixelsPerByte = 4096;
  check_image_size(height, width);
  if (height < 1 || width < 1) throw Error("the image has no pixels");
  if (height * width > kAlwaysRead &&
      height * width / kMaxPixelsPerByte > static_cast<int64_t>(file_bytes))
    throw Error("the header claims ", width, "x", height, " pixels, far more than ", file_bytes,
                " bytes can hold");
}

Image rgba_on_white(int64_t height, int64_t width, const uint8_t* rgba) {
  Image image{.height = height, .width = width, .channels = 3, .pixels = {}};
  image.pixels.reserve(static_cast<size_t>(height * width * 3));
  for (int64_t i = 0; i < height * width; ++i, rgba += 4)
    for (int64_t c = 0; c < 3; ++c) image.pixels.push_back(on_white(rgba[c], rgba[3]));
  return image;
}

}  // namespace diffuse
