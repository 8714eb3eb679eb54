// TIFF files of 1 to 16 bits a channel, through libtiff's conversion to RGBA.
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "diffuse/core/error.h"
#include "image_codecs.h"

namespace diffuse {
namespace {

// What libtiff calls a file.
struct TiffBytes {
  std::string_view bytes;
  uint64_t position = 0;
  char message[200] = "";  // the first error
};

tmsize_t read_tiff(thandle_t handle, void* out, tmsize_t size) {
  auto& file = *static_cast<TiffBytes*>(handle);
  const std::string_view rest =
      file.bytes.substr(std::min<uint64_t>(file.position, file.bytes.size()));
  const size_t count = std::min(rest.size(), static_cast<size_t>(size));
  std::memcpy(out, rest.data(), count);
  file.position += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t write_tiff(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek_tiff(thandle_t handle, toff_t offset, int whence) {
  auto& file = *static_cast<TiffBytes*>(handle);
  if (whence == SEEK_SET) file.position = offset;
  if (whence == SEEK_CUR) file.position += offset;
  if (whence == SEEK_END) file.position = file.bytes.size() + offset;
  return file.position;
}

int close_tiff(thandle_t) { return 0; }

toff_t size_of_tiff(thandle_t handle) { return static_cast<TiffBytes*>(handle)->bytes.size(); }

int on_tiff_error(TIFF*, void* handle, const char*, const char* format, va_list arguments) {
  auto& file = *static_cast<TiffBytes*>(handle);
  if (file.message[0] == '\0') std::vsnprintf(file.message, sizeof file.message, format, arguments);
  return 1;
}

int on_tiff_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

using TiffFile = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

TiffFile open_tiff(TiffBytes& file) {
  // A strip's claimed size is allocated before it is read.
  const auto most = static_cast<tmsize_t>((size_t{32} << 20) + file.bytes.size() * 1032);
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_tiff_error, &file);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_tiff_warning, &file);
  return {TIFFClientOpenExt("", "rm", &file, read_tiff, write_tiff, seek_tiff, close_tiff,
                            size_of_tiff, nullptr, nullptr, options.get()),
          TIFFClose};
}

// libtiff's pixels: 0xAABBGGRR, the colours multiplied by the opacity.
Image from_abgr(const std::vector<uint32_t>& pixels, int64_t height, int64_t width, bool grey) {
  Image image{.height = height, .width = width, .channels = grey ? 1 : 3, .pixels = {}};
  image.pixels.reserve(pixels.size() * (grey ? 1 : 3));
  for (const uint32_t pixel : pixels)
    for (uint32_t c = 0; c < (grey ? 1U : 3U); ++c)
      image.pixels.push_back(static_cast<uint8_t>(
          std::min<uint32_t>(255, (pixel >> (8 * c) & 255) + 255 - (pixel >> 24))));
  return image;
}

// The pixels as they are stored, without the turn that the file asks for.
Image read_tiff_pixels(TIFF* tiff, TiffBytes& file) {
  char message[1024] = "";
  TIFFRGBAImage reader{};
  uint16_t compression = 0;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  if (compression == COMPRESSION_OJPEG)
    throw Error("a TIFF of the old kind of JPEG, which is not read; convert to PNG or JPEG");
  if (TIFFRGBAImageBegin(&reader, tiff, /*stop=*/1, message) == 0)
    throw Error("a TIFF that is not read: ", printable(message));
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> guard(&reader,
                                                                          TIFFRGBAImageEnd);
  check_packed_size(reader.height, reader.width, file.bytes.size());
  reader.req_orientation = reader.orientation;
  std::vector<uint32_t> pixels(size_t{reader.height} * reader.width);
  if (TIFFRGBAImageGet(&reader, pixels.data(), reader.width, reader.height) == 0)
    throw Error("corrupt TIFF: ", printable(file.message));
  const bool grey = reader.samplesperpixel == 1 && (reader.photometric == PHOTOMETRIC_MINISBLACK ||
                                                    reader.photometric == PHOTOMETRIC_MINISWHITE);
  return from_abgr(pixels, reader.height, reader.width, grey);
}

}  // namespace

Image decode_tiff(std::string_view bytes) {
  TiffBytes file{.bytes = bytes};
  const TiffFile tiff = open_tiff(file);
  if (!tiff) throw Error("corrupt TIFF: ", printable(file.message));
  uint32_t height = 0, width = 0;
  uint16_t orientation = 1;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  check_packed_size(height, width, bytes.size());
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  return upright(read_tiff_pixels(tiff.get(), file), orientation);
}

}  // namespace diffuse
