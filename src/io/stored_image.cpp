#include "diffuse/io/stored_image.h"

#include "diffuse/core/error.h"
#include "diffuse/io/file.h"
#include "image_codecs.h"

namespace diffuse {

// Of another format than PNG, the 8-bit picture.
static StoredImage widened(const Image& image, bool is_jpeg) {
  return {.height = image.height,
          .width = image.width,
          .channels = image.channels,
          .lossy = is_jpeg,
          .on_white = !is_jpeg,
          .values = {image.pixels.begin(), image.pixels.end()}};
}

StoredImage read_stored_image(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string bytes = file.read(0, file.size());
  if (!bytes.starts_with("\x89PNG"))
    return widened(decode_image(bytes, path.string()), bytes.starts_with("\xff\xd8"));
  try {
    return decode_stored_png(bytes);
  } catch (const Error& error) {
    throw Error(path.string(), ": ", error.what());
  }
}

}  // namespace diffuse
