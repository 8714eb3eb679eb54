// jpeglib.h needs size_t and FILE declared first.
#include <cstdio>
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "diffuse/core/error.h"
#include "image_codecs.h"

namespace diffuse {

namespace {

// libjpeg's error_exit must not return: it jumps. As in png.cpp, objects with destructors live here.
struct JpegDecoder {
  jpeg_error_mgr errors{};  // first, so that a pointer to it also points to the decoder
  jpeg_progress_mgr progress{};
  jpeg_decompress_struct jpeg{};
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = "";
  bool ends_early = false;      // lacks an end mark
  std::vector<uint8_t> pixels;  // as libjpeg returns them

  ~JpegDecoder() { jpeg_destroy_decompress(&jpeg); }
};

[[noreturn]] void on_error(j_common_ptr common) {
  auto* decoder = reinterpret_cast<JpegDecoder*>(common->err);
  common->err->format_message(common, decoder->message);
  std::longjmp(decoder->jump, 1);
}

// libjpeg fills a truncated or damaged file with grey and only warns. Here this is an error, except for
// defects that do not affect the pixels. A file that ends early may still contain all pixels.
void on_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  switch (common->err->msg_code) {
    case JWRN_ADOBE_XFORM:      // an unknown Adobe colour transform
    case JWRN_EXTRANEOUS_DATA:  // bytes between two segments
    case JWRN_JFIF_MAJOR:       // a later version of JFIF
    case JWRN_NOT_SEQUENTIAL:   // fields of progressive scans, unused by others
      return;
    case JWRN_JPEG_EOF:
      reinterpret_cast<JpegDecoder*>(common->err)->ends_early = true;
      return;
    default:
      on_error(common);
  }
}

// A progressive file may have any number of scans, each as expensive as the whole picture.
void on_progress(j_common_ptr common) {
  constexpr int kMaxScans = 200;
  if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number > kMaxScans)
    ERREXIT(common, JERR_INPUT_EOF);
}

bool read_header(JpegDecoder& decoder, std::string_view bytes) {
  if (setjmp(decoder.jump) != 0) return false;
  jpeg_create_decompress(&decoder.jpeg);
  decoder.jpeg.progress = &decoder.progress;
  jpeg_mem_src(&decoder.jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&decoder.jpeg, JPEG_APP0 + 1, 0xffff);  // EXIF
  jpeg_read_header(&decoder.jpeg, TRUE);
  return true;
}

int orientation_of(const jpeg_decompress_struct& jpeg) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  for (const auto* marker = jpeg.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with(kExif)) return exif_orientation(data.substr(kExif.size()));
  }
  return 1;
}

// Whether a file without its end mark has all pixels. libjpeg reports missing bits of a Huffman-coded
// scan, but not missing scans.
bool has_all_scans(const jpeg_decompress_struct& jpeg) {
  if (jpeg.arith_code) return false;  // no report of missing bits
  if (!jpeg.progressive_mode) return jpeg.comps_in_scan == jpeg.num_components;
  for (int c = 0; c < jpeg.num_components; ++c)  // missing bits of each coefficient; -1: all
    if (!std::all_of(jpeg.coef_bits[c], jpeg.coef_bits[c] + DCTSIZE2, [](int b) { return b == 0; }))
      return false;
  return true;
}

bool read_pixels(JpegDecoder& decoder) {
  if (setjmp(decoder.jump) != 0) return false;
  auto& jpeg = decoder.jpeg;
  jpeg_start_decompress(&jpeg);
  const size_t row = size_t{jpeg.output_width} * static_cast<size_t>(jpeg.output_components);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW out = decoder.pixels.data() + jpeg.output_scanline * row;
    jpeg_read_scanlines(&jpeg, &out, 1);
  }
  if (decoder.ends_early && !has_all_scans(jpeg)) ERREXIT(&jpeg, JERR_INPUT_EOF);
  jpeg_finish_decompress(&jpeg);
  return true;
}

// As Adobe's programs write it and Pillow reads it: inverted, 255 is no ink.
void cmyk_to_rgb(std::vector<uint8_t>& pixels) {
  auto out = pixels.begin();
  for (size_t i = 0; i < pixels.size(); i += 4) {
    const int key = pixels[i + 3];
    for (size_t c = 0; c < 3; ++c) *out++ = static_cast<uint8_t>((pixels[i + c] * key + 127) / 255);
  }
  pixels.erase(out, pixels.end());
}

}  // namespace

Image decode_jpeg(std::string_view bytes) {
  JpegDecoder decoder;
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = on_error;
  decoder.errors.emit_message = on_message;
  decoder.progress.progress_monitor = on_progress;
  auto& jpeg = decoder.jpeg;
  if (!read_header(decoder, bytes)) throw Error("corrupt JPEG: ", decoder.message);
  check_image_size(jpeg.image_height, jpeg.image_width);
  // Each block of 8 x 8 needs at least one bit: a smaller file cannot contain the image, so a false size
  // costs no memory.
  if (uint64_t{jpeg.image_height} * jpeg.image_width / 64 / 8 > bytes.size())
    throw Error("corrupt JPEG: truncated");
  const bool grey = jpeg.jpeg_color_space == JCS_GRAYSCALE;
  const bool inks = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
  jpeg.out_color_space = grey ? JCS_GRAYSCALE : inks ? JCS_CMYK : JCS_RGB;
  const size_t stored = grey ? 1 : inks ? 4 : 3;
  decoder.pixels.resize(size_t{jpeg.image_height} * jpeg.image_width * stored);
  const int orientation = orientation_of(jpeg);  // the markers are freed with the last row
  if (!read_pixels(decoder)) throw Error("corrupt JPEG: ", decoder.message);
  if (inks) cmyk_to_rgb(decoder.pixels);
  return upright({.height = jpeg.image_height,
                  .width = jpeg.image_width,
                  .channels = grey ? 1 : 3,
                  .pixels = std::move(decoder.pixels)},
                 orientation);
}

}  // namespace diffuse
