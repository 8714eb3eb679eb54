#include "src/pictures/stored_image.h"

#include "diffuse/core/error.h"
#include "image_codecs.h"
#include "image_libraries.h"
#include "src/files/file.h"

namespace diffuse {

// The 8-bit picture of a format other than PNG.
static StoredImage widened(const Image& image, bool lossy, bool has_no_alpha) {
  return {.height = image.height,
          .width = image.width,
          .channels = image.channels,
          .lossy = lossy,
          .on_white = !has_no_alpha,
          .values = {image.pixels.begin(), image.pixels.end()}};
}

StoredImage read_stored_image(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string bytes = file.read(0, file.size());
  const bool is_jpeg = bytes.starts_with("\xff\xd8");
#if DIFFUSE_WEBP
  const bool lossy = is_jpeg || is_lossy_webp(bytes);
#else
  const bool lossy = is_jpeg;
#endif
  if (!bytes.starts_with("\x89PNG"))
    return widened(decode_image(bytes, path.string()), lossy, /*has_no_alpha=*/is_jpeg);
  try {
    return decode_stored_png(bytes);
  } catch (const Error& error) {
    throw Error(path.string(), ": ", error.what());
  }
}

}  // namespace diffuse
