// jpeglib.h needs size_t and FILE declared first.
#include <cstdio>
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <csetjmp>
#include <cstring>

#include "diffuse/core/error.h"
#include "image_codecs.h"

namespace diffuse {

namespace {

// libjpeg's error_exit must not return: it jumps. As in png.cpp, what has a destructor lives here.
struct JpegDecoder {
  jpeg_error_mgr errors{};  // first, so that a pointer to it is one to the decoder
  jpeg_progress_mgr progress{};
  jpeg_decompress_struct jpeg{};
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = "";
  std::vector<uint8_t> pixels;

  ~JpegDecoder() { jpeg_destroy_decompress(&jpeg); }
};

[[noreturn]] void on_error(j_common_ptr common) {
  auto* decoder = reinterpret_cast<JpegDecoder*>(common->err);
  common->err->format_message(common, decoder->message);
  std::longjmp(decoder->jump, 1);
}

// libjpeg fills up a truncated or damaged file with grey and only warns: here that is an error.
void on_message(j_common_ptr common, int level) {
  const int code = common->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM) on_error(common);
}

// A progressive file may have any number of scans, each as dear as the whole picture.
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

bool read_pixels(JpegDecoder& decoder) {
  if (setjmp(decoder.jump) != 0) return false;
  auto& jpeg = decoder.jpeg;
  jpeg_start_decompress(&jpeg);
  const size_t row = size_t{jpeg.output_width} * static_cast<size_t>(jpeg.output_components);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW out = decoder.pixels.data() + jpeg.output_scanline * row;
    jpeg_read_scanlines(&jpeg, &out, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
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
  if (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK)
    throw Error("a CMYK JPEG; expected a grey or RGB one");
  // Each block of 8 x 8 takes at least one bit: a smaller file cannot hold the image, so a lie about
  // its size costs no memory.
  if (uint64_t{jpeg.image_height} * jpeg.image_width / 64 / 8 > bytes.size())
    throw Error("corrupt JPEG: truncated");
  const bool grey = jpeg.jpeg_color_space == JCS_GRAYSCALE;
  jpeg.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
  const int64_t channels = grey ? 1 : 3;
  decoder.pixels.resize(size_t{jpeg.image_height} * jpeg.image_width * (grey ? 1 : 3));
  const int orientation = orientation_of(jpeg);  // the markers go with the last row
  if (!read_pixels(decoder)) throw Error("corrupt JPEG: ", decoder.message);
  return upright({.height = jpeg.image_height,
                  .width = jpeg.image_width,
                  .channels = channels,
                  .pixels = std::move(decoder.pixels)},
                 orientation);
}

}  // namespace diffuse
