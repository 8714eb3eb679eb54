// TIFF files of 1 to 16 bits per channel, through libtiff's conversion to RGBA.
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

// libtiff's file handle.
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

// libtiff only reads it. Without a map, 4.5 refuses uncompressed tiles of most sizes.
int map_tiff(thandle_t handle, void** bytes, toff_t* size) {
  const auto& file = *static_cast<TiffBytes*>(handle);
  *bytes = const_cast<char*>(file.bytes.data());
  *size = file.bytes.size();
  return 1;
}

void unmap_tiff(thandle_t, void*, toff_t) {}

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
  return {TIFFClientOpenExt("", "r", &file, read_tiff, write_tiff, seek_tiff, close_tiff,
                            size_of_tiff, map_tiff, unmap_tiff, options.get()),
          TIFFClose};
}

// Channel c of one of libtiff's pixels, 0xAABBGGRR, on white.
uint8_t channel_on_white(uint32_t pixel, uint32_t c, bool multiplied) {
  const uint32_t value = pixel >> (8 * c) & 255, opacity = pixel >> 24;
  return multiplied ? static_cast<uint8_t>(std::min<uint32_t>(255, value + 255 - opacity))
                    : on_white(static_cast<uint8_t>(value), static_cast<int>(opacity));
}

// `multiplied`: whether colours are premultiplied by the opacity.
Image from_abgr(const std::vector<uint32_t>& pixels, int64_t height, int64_t width, bool grey,
                bool multiplied) {
  Image image{.height = height, .width = width, .channels = grey ? 1 : 3, .pixels = {}};
  image.pixels.reserve(pixels.size() * (grey ? 1 : 3));
  for (const uint32_t pixel : pixels)
    for (uint32_t c = 0; c < (grey ? 1U : 3U); ++c)
      image.pixels.push_back(channel_on_white(pixel, c, multiplied));
  return image;
}

// Whether there are channels of unknown meaning beyond the colours; libtiff treats them as opacity.
bool has_unknown_channels(TIFF* tiff) {
  uint16_t count = 0;
  uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds);
  return count > 0 && kinds[0] == EXTRASAMPLE_UNSPECIFIED;
}

// Refuses files that libtiff would misread.
void check_kind(TIFF* tiff) {
  uint16_t compression = 0, format = 0, colours = 0;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  if (compression == COMPRESSION_OJPEG)
    throw Error("a TIFF with old-style JPEG, which is not supported; convert to PNG or JPEG");
  if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &colours) != 0 && colours == PHOTOMETRIC_CIELAB)
    throw Error("a TIFF with L*a*b* colours, which is not supported; convert to PNG or JPEG");
  if (format == SAMPLEFORMAT_INT || format == SAMPLEFORMAT_COMPLEXINT)
    throw Error("a TIFF with signed numbers, which is not supported; convert to PNG, or to a .npy");
}

// The pixels as stored, without the file's orientation.
Image read_tiff_pixels(TIFF* tiff, TiffBytes& file) {
  char message[1024] = "";
  TIFFRGBAImage reader{};
  check_kind(tiff);
  if (TIFFRGBAImageBegin(&reader, tiff, /*stop=*/1, message) == 0)
    throw Error("an unsupported TIFF: ", printable(message));
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> guard(&reader,
                                                                          TIFFRGBAImageEnd);
  check_packed_size(reader.height, reader.width, file.bytes.size());
  reader.req_orientation = reader.orientation;
  const bool has_grey =
      reader.photometric == PHOTOMETRIC_MINISBLACK || reader.photometric == PHOTOMETRIC_MINISWHITE;
  const bool grey = has_grey && reader.samplesperpixel <= 2;
  // libtiff drops the opacity of more bits, and mixes up the last tiles of a row.
  if (has_grey && reader.samplesperpixel > 1 &&
      (TIFFIsTiled(tiff) != 0 || (reader.alpha != 0 && reader.bitspersample != 8)))
    throw Error("a grey TIFF with further channels in tiles or in ", reader.bitspersample,
                " bits, which is not supported; convert to PNG");
  std::vector<uint32_t> pixels(size_t{reader.height} * reader.width);
  if (TIFFRGBAImageGet(&reader, pixels.data(), reader.width, reader.height) == 0)
    throw Error("corrupt TIFF: ", printable(file.message));
  if (has_unknown_channels(tiff))
    for (uint32_t& pixel : pixels) pixel |= 0xff000000;
  // libtiff premultiplies colours, but not grey.
  const bool multiplied = !grey || reader.alpha != EXTRASAMPLE_UNASSALPHA;
  return from_abgr(pixels, reader.height, reader.width, grey, multiplied);
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
