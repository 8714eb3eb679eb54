#include "image_formats.h"

#include <algorithm>

#include "diffuse/core/error.h"
#include "image_codecs.h"
#include "image_libraries.h"

namespace diffuse {

static bool is_png(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }

static bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

static bool is_bmp(std::string_view bytes) {
  // Two letters are weak evidence, so also check the four reserved bytes, which are zero.
  return bytes.starts_with("BM") && bytes.substr(0, 10).ends_with(std::string_view("\0\0\0\0", 4));
}

static bool is_webp(std::string_view bytes) {
  return bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP");
}

static bool is_tiff(std::string_view bytes) {
  using std::string_view_literals::operator""sv;
  return bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv) ||
         bytes.starts_with("II+\0"sv) || bytes.starts_with("MM\0+"sv);
}

static bool is_gif(std::string_view bytes) {
  return bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a");
}

// The brand of a box file (ISO/IEC 14496-12), such as "avif".
static bool has_brand(std::string_view bytes, std::initializer_list<std::string_view> brands) {
  return bytes.substr(0, 8).ends_with("ftyp") && bytes.size() >= 12 &&
         std::find(brands.begin(), brands.end(), bytes.substr(8, 4)) != brands.end();
}

static bool is_avif(std::string_view bytes) { return has_brand(bytes, {"avif", "avis"}); }

static bool is_heic(std::string_view bytes) {
  return has_brand(bytes, {"heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"});
}

static bool is_jpeg_xl(std::string_view bytes) {
  return bytes.starts_with("\xff\x0a") || bytes.substr(0, 8).ends_with("JXL ");
}

static bool is_jpeg_2000(std::string_view bytes) {
  return bytes.substr(0, 8).ends_with("jP  ") || bytes.starts_with("\xff\x4f\xff\x51");
}

static bool is_photoshop(std::string_view bytes) { return bytes.starts_with("8BPS"); }

static std::vector<ImageFormat> known_formats() {
#if !DIFFUSE_WEBP
  constexpr Image (*decode_webp)(std::string_view) = nullptr;
#endif
#if !DIFFUSE_TIFF
  constexpr Image (*decode_tiff)(std::string_view) = nullptr;
#endif
#if !DIFFUSE_GIF
  constexpr Image (*decode_gif)(std::string_view) = nullptr;
#endif
  return {
      {"PNG", {"png", "apng"}, is_png, decode_png},
      {"JPEG",
       {"jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjp", "mpo"},
       is_jpeg,
       decode_jpeg},
      {"WebP", {"webp"}, is_webp, decode_webp, "libwebp"},
      {"TIFF", {"tif", "tiff"}, is_tiff, decode_tiff, "libtiff 4.5"},
      {"GIF", {"gif"}, is_gif, decode_gif, "giflib"},
      {"BMP", {"bmp", "dib"}, is_bmp, decode_bmp},
      {"AVIF", {"avif", "avifs"}, is_avif, nullptr},
      {"HEIC", {"heic", "heif", "hif"}, is_heic, nullptr},
      {"JPEG XL", {"jxl"}, is_jpeg_xl, nullptr},
      {"JPEG 2000", {"jp2", "j2k", "j2c", "jpx", "jpf"}, is_jpeg_2000, nullptr},
      {"Photoshop", {"psd", "psb"}, is_photoshop, nullptr},
      {"Netpbm", {"ppm", "pgm", "pbm", "pnm", "pam", "pfm"}, nullptr, nullptr},
      {"Targa", {"tga"}, nullptr, nullptr},
      {"SVG", {"svg", "svgz"}, nullptr, nullptr},
      {"OpenEXR", {"exr"}, nullptr, nullptr},
      {"Radiance", {"hdr"}, nullptr, nullptr},
      {"QOI", {"qoi"}, nullptr, nullptr},
      {"icon", {"ico", "icns", "cur"}, nullptr, nullptr},
      {"DICOM", {"dcm"}, nullptr, nullptr},
      {"DDS", {"dds"}, nullptr, nullptr},
      {"raw", {"dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "pef"}, nullptr, nullptr},
  };
}

const std::vector<ImageFormat>& image_formats() {
  static const std::vector<ImageFormat> formats = known_formats();
  return formats;
}

const ImageFormat* format_of_content(std::string_view bytes) {
  for (const ImageFormat& format : image_formats())
    if (format.holds != nullptr && format.holds(bytes)) return &format;
  return nullptr;
}

const ImageFormat* format_of_ending(std::string_view ending) {
  for (const ImageFormat& format : image_formats())
    if (std::find(format.endings.begin(), format.endings.end(), ending) != format.endings.end())
      return &format;
  return nullptr;
}

std::string readable_formats() {
  std::vector<std::string> names;
  for (const ImageFormat& format : image_formats())
    if (format.decode != nullptr) names.emplace_back(format.name);
  return join(names);
}

std::string what_to_do(const ImageFormat& format) {
  return format.missing_library.empty()
             ? "convert to PNG or JPEG"
             : concat("build with ", format.missing_library, ", or convert to PNG or JPEG");
}

}  // namespace diffuse
