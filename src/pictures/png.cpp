#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "diffuse/core/error.h"
#include "image_codecs.h"
#include "src/files/atomic_write.h"

namespace diffuse {

namespace {

// libpng reports errors by longjmp, which must not cross a C++ frame with objects to destroy. So all objects
// with destructors are in these two structs, outside the functions that call setjmp.
struct PngDecoder {
  std::string_view rest;
  char message[128] = "corrupt PNG";
  png_structp png = nullptr;
  png_infop info = nullptr;
  png_uint_32 height = 0, width = 0;
  size_t stored_row = 0;        // bytes of a row in the file, before compression
  bool as_stored = false;       // 16 bits stay 16, big-endian
  int channels = 0;             // including alpha
  int depth = 8;                // bits of a number in `pixels`
  int orientation = 1;          // EXIF's
  std::vector<uint8_t> pixels;  // [height, width, channels]
  std::vector<png_bytep> rows;
  bool all_rows = false;  // were read
  bool truncated = false;

  ~PngDecoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

struct PngEncoder {
  std::string bytes;
  char message[128] = "cannot encode PNG";
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<png_text> text;

  ~PngEncoder() { png_destroy_write_struct(&png, &info); }
};

template <class Codec>
[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* codec = static_cast<Codec*>(png_get_error_ptr(png));
  std::snprintf(codec->message, sizeof(codec->message), "corrupt PNG: %s", text);
  longjmp(png_jmpbuf(png), 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, size_t size) {
  auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
  decoder->truncated = size > decoder->rest.size();
  if (decoder->truncated) png_error(png, "truncated");
  std::memcpy(out, decoder->rest.data(), size);
  decoder->rest.remove_prefix(size);
}

void on_write(png_structp png, png_bytep bytes, size_t size) {
  auto* encoder = static_cast<PngEncoder*>(png_get_io_ptr(png));
  encoder->bytes.append(reinterpret_cast<const char*>(bytes), size);
}

// The file up to its end mark, which may be missing or damaged, or to its last complete chunk. libpng
// allocates a chunk's claimed size before it reads the chunk.
std::string_view whole_chunks(std::string_view bytes) {
  constexpr size_t kSignature = 8, kHeader = 8, kAround = 12;  // length and type; plus a checksum
  size_t at = kSignature;
  while (at + kHeader <= bytes.size() && bytes.substr(at + 4, 4) != "IEND") {
    const size_t length = png_get_uint_32(reinterpret_cast<png_const_bytep>(bytes.data() + at));
    if (length + kAround > bytes.size() - at) return bytes.substr(0, at);
    at += kAround + length;
  }
  return bytes.substr(0, at);
}

// EXIF may be before or after the pixels.
void read_orientation(PngDecoder& decoder) {
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(decoder.png, decoder.info, &size, &exif) != 0)
    decoder.orientation = exif_orientation({reinterpret_cast<const char*>(exif), size});
}

// Reads up to the pixels. Returns false on error.
bool read_header(PngDecoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_set_read_fn(decoder.png, &decoder, on_read);
  png_set_user_limits(decoder.png, PNG_UINT_31_MAX,
                      PNG_UINT_31_MAX);  // check_image_size has the message
  // Unused text and colour profiles would be inflated, up to a thousandfold.
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_NEVER,
                              reinterpret_cast<png_const_bytep>("tEXt\0zTXt\0iTXt\0iCCP\0sPLT"), 5);
  png_read_info(decoder.png, decoder.info);
  decoder.height = png_get_image_height(decoder.png, decoder.info);
  decoder.width = png_get_image_width(decoder.png, decoder.info);
  decoder.stored_row = png_get_rowbytes(decoder.png, decoder.info);
  return true;
}

// Requests 8 bits per channel, or 16 if stored and wanted, without palette. Returns false on error.
bool choose_format(PngDecoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_set_expand(decoder.png);  // palettes to RGB, 1-4 bits to 8, tRNS to alpha
  if (!decoder.as_stored) png_set_scale_16(decoder.png);  // rounds v * 255 / 65535
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  decoder.depth = png_get_bit_depth(decoder.png, decoder.info);
  decoder.channels = png_get_channels(decoder.png, decoder.info);
  return true;
}

// The end mark is never present: see whole_chunks().
bool read_pixels(PngDecoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return decoder.all_rows && decoder.truncated;
  png_read_image(decoder.png, decoder.rows.data());
  decoder.all_rows = true;
  png_read_end(decoder.png, decoder.info);
  return true;
}

// Blends alpha on white, rounded to nearest, and removes it.
void drop_alpha(PngDecoder& decoder) {
  const auto step = static_cast<size_t>(decoder.channels), colours = step - 1;
  auto out = decoder.pixels.begin();
  for (size_t i = 0; i < decoder.pixels.size(); i += step) {
    const int opacity = decoder.pixels[i + colours];
    for (size_t c = 0; c < colours; ++c) *out++ = on_white(decoder.pixels[i + c], opacity);
  }
  decoder.pixels.erase(out, decoder.pixels.end());
  --decoder.channels;
}

bool encode(PngEncoder& encoder, const Image& image) {
  if (setjmp(png_jmpbuf(encoder.png)) != 0) return false;
  png_set_write_fn(encoder.png, &encoder, on_write, nullptr);
  png_set_IHDR(encoder.png, encoder.info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), 8,
               image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_text(encoder.png, encoder.info, encoder.text.data(),
               static_cast<int>(encoder.text.size()));
  png_write_info(encoder.png, encoder.info);
  for (int64_t y = 0; y < image.height; ++y)
    png_write_row(encoder.png, image.pixels.data() + y * image.width * image.channels);
  png_write_end(encoder.png, encoder.info);
  return true;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

void decode(PngDecoder& decoder, std::string_view file) {
  const std::string_view bytes = whole_chunks(file);
  decoder.rest = bytes;
  decoder.png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error<PngDecoder>, on_warning);
  decoder.info = png_create_info_struct(decoder.png);
  if (!read_header(decoder)) throw Error(decoder.message);
  check_image_size(decoder.height, decoder.width);
  // Deflate compresses at most 1032 to 1: a smaller file cannot contain the image, so a false size costs no
  // memory.
  if (decoder.stored_row * decoder.height / 1032 > bytes.size())
    throw Error("corrupt PNG: truncated");
  if (!choose_format(decoder)) throw Error(decoder.message);
  const size_t row = png_get_rowbytes(decoder.png, decoder.info);
  decoder.pixels.resize(row * decoder.height);
  for (size_t y = 0; y < decoder.height; ++y)
    decoder.rows.push_back(decoder.pixels.data() + y * row);
  if (!read_pixels(decoder)) throw Error(decoder.message);
  read_orientation(decoder);
}

// The pixels, of `bytes` bytes each.
Image turned(PngDecoder& decoder, int64_t bytes) {
  return upright({.height = decoder.height,
                  .width = decoder.width,
                  .channels = bytes,
                  .pixels = std::move(decoder.pixels)},
                 decoder.orientation);
}

}  // namespace

Image decode_png(std::string_view bytes) {
  PngDecoder decoder;
  decode(decoder, bytes);
  if (decoder.channels % 2 == 0) drop_alpha(decoder);
  return turned(decoder, decoder.channels);
}

StoredImage decode_stored_png(std::string_view bytes) {
  PngDecoder decoder;
  decoder.as_stored = true;
  decode(decoder, bytes);
  const size_t width = static_cast<size_t>(decoder.depth) / 8;
  const Image image = turned(decoder, decoder.channels * decoder.depth / 8);
  StoredImage stored{.height = image.height,
                     .width = image.width,
                     .channels = decoder.channels,
                     .white = decoder.depth == 16 ? 65535 : 255,
                     .values = {}};
  for (size_t i = 0; i < image.pixels.size(); i += width)
    stored.values.push_back(static_cast<uint16_t>(
        width == 1 ? image.pixels[i] : image.pixels[i] << 8 | image.pixels[i + 1]));
  return stored;
}

std::string encode_png(const Image& image, const PictureText& text) {
  const auto size = static_cast<size_t>(image.height * image.width * image.channels);
  if (image.pixels.size() != size || (image.channels != 1 && image.channels != 3))
    throw std::logic_error("encode_png: sizes disagree");
  PngEncoder encoder;
  for (const auto& [keyword, value] : text) {
    png_text chunk{};
    // tEXt is Latin-1; text beyond ASCII goes into iTXt, which is UTF-8.
    chunk.compression = is_ascii(value) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    chunk.key = const_cast<char*>(keyword.c_str());  // libpng only reads them
    chunk.text = const_cast<char*>(value.c_str());
    chunk.text_length = value.size();
    encoder.text.push_back(chunk);
  }
  encoder.png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, &encoder, on_error<PngEncoder>, on_warning);
  encoder.info = png_create_info_struct(encoder.png);
  if (!encode(encoder, image)) throw std::runtime_error(encoder.message);
  return std::move(encoder.bytes);
}

void write_png(const std::filesystem::path& path, const Image& image, const PictureText& text) {
  atomic_write(path, encode_png(image, text));
}

}  // namespace diffuse
