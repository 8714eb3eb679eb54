// Uncompressed Windows bitmaps, with BITMAPINFOHEADER and its successors, or the older BITMAPCOREHEADER of
// OS/2.
#include <algorithm>
#include <array>
#include <bit>

#include "diffuse/core/error.h"
#include "image_codecs.h"

namespace diffuse {
namespace {

struct BmpHeader {
  int64_t width = 0, height = 0;
  bool top_down = false;
  size_t pixels = 0;  // their offset
  size_t palette = 0, entry = 4, colours = 0;
  uint32_t bits = 0;                                      // per pixel
  std::array<uint32_t, 3> masks{0xff0000, 0xff00, 0xff};  // of red, green and blue in 16 or 32 bits
  uint32_t opacity_mask = 0;

  size_t row_bytes() const { return (static_cast<size_t>(width) * bits + 31) / 32 * 4; }
  size_t row_begin(size_t y) const {
    return pixels + (top_down ? y : static_cast<size_t>(height) - 1 - y) * row_bytes();
  }
};

uint32_t little_endian(std::string_view bytes, size_t at, size_t size) {
  if (at > bytes.size() || size > bytes.size() - at) throw Error("corrupt BMP: truncated");
  uint32_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The fields after the size of a BITMAPINFOHEADER.
void read_info_header(std::string_view bytes, size_t size, BmpHeader& header) {
  constexpr uint32_t kPlain = 0, kMasks = 3, kMasksWithAlpha = 6;
  constexpr size_t kSizeWithAlpha = 56;
  const auto height = static_cast<int32_t>(little_endian(bytes, 22, 4));
  header.width = static_cast<int32_t>(little_endian(bytes, 18, 4));
  header.height = std::abs(int64_t{height});
  header.top_down = height < 0;
  header.bits = little_endian(bytes, 28, 2);
  const uint32_t compression = little_endian(bytes, 30, 4);
  const bool masks = compression == kMasks || compression == kMasksWithAlpha;
  if (compression != kPlain && !(masks && header.bits >= 16))
    throw Error("a compressed BMP, which is not supported; convert to PNG or JPEG");
  header.colours = little_endian(bytes, 46, 4);
  header.palette = 14 + size;
  if (header.bits == 16) header.masks = {0x7c00, 0x3e0, 0x1f};
  for (size_t c = 0; masks && c < 3; ++c) header.masks[c] = little_endian(bytes, 54 + 4 * c, 4);
  if (compression == kMasksWithAlpha || (masks && size >= kSizeWithAlpha))
    header.opacity_mask = little_endian(bytes, 66, 4);
}

BmpHeader read_bmp_header(std::string_view bytes) {
  constexpr size_t kCoreSize = 12, kInfoSize = 40;
  BmpHeader header;
  header.pixels = little_endian(bytes, 10, 4);
  const size_t size = little_endian(bytes, 14, 4);
  if (size >= kInfoSize) {
    read_info_header(bytes, size, header);
  } else if (size == kCoreSize) {
    header.width = little_endian(bytes, 18, 2);
    header.height = little_endian(bytes, 20, 2);
    header.bits = little_endian(bytes, 24, 2);
    header.palette = 14 + kCoreSize;
    header.entry = 3;
  } else {
    throw Error("corrupt BMP: a header of ", size, " bytes");
  }
  if (header.bits <= 8 && header.colours == 0) header.colours = size_t{1} << header.bits;
  constexpr std::array<uint32_t, 6> kDepths{1, 4, 8, 16, 24, 32};
  if (std::find(kDepths.begin(), kDepths.end(), header.bits) == kDepths.end())
    throw Error("corrupt BMP: ", header.bits, " bits per pixel");
  return header;
}

// The bits of `mask` in `pixel`, scaled to 0 .. 255.
uint8_t masked(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const int shift = std::countr_zero(mask);
  const uint64_t most = mask >> shift;
  return static_cast<uint8_t>((uint64_t{(pixel & mask) >> shift} * 255 + most / 2) / most);
}

// The three bytes of pixel x of a row.
void append_pixel(std::string_view bytes, const BmpHeader& header, size_t row, size_t x,
                  std::vector<uint8_t>& out) {
  const auto append_blue_first = [&](size_t at) {
    for (size_t c = 3; c-- > 0;) out.push_back(static_cast<uint8_t>(bytes[at + c]));
  };
  if (header.bits == 24) {
    append_blue_first(row + 3 * x);
  } else if (header.bits > 8) {
    const uint32_t pixel = little_endian(bytes, row + x * header.bits / 8, header.bits / 8);
    for (const uint32_t mask : header.masks) out.push_back(masked(pixel, mask));
  } else {
    const size_t bit = x * header.bits;
    const uint32_t byte = static_cast<unsigned char>(bytes[row + bit / 8]);
    const size_t index = byte >> (8 - header.bits - bit % 8) & ((1U << header.bits) - 1);
    if (index >= header.colours) throw Error("corrupt BMP: a colour beyond its palette");
    append_blue_first(header.palette + index * header.entry);
  }
}

// A fully transparent picture comes from a program that left the opacity empty: ignore it.
void blend_opacities(std::string_view bytes, const BmpHeader& header, Image& image) {
  std::vector<uint8_t> opacities;
  for (size_t y = 0; y < static_cast<size_t>(header.height); ++y)
    for (size_t x = 0; x < static_cast<size_t>(header.width); ++x)
      opacities.push_back(
          masked(little_endian(bytes, header.row_begin(y) + x * header.bits / 8, header.bits / 8),
                 header.opacity_mask));
  if (std::all_of(opacities.begin(), opacities.end(), [](uint8_t v) { return v == 0; })) return;
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = on_white(image.pixels[i], opacities[i / 3]);
}

}  // namespace

Image decode_bmp(std::string_view bytes) {
  const BmpHeader header = read_bmp_header(bytes);
  check_image_size(header.height, header.width);
  if (header.width < 1 || header.height < 1) throw Error("corrupt BMP: no pixels");
  const auto height = static_cast<size_t>(header.height), width = static_cast<size_t>(header.width);
  const size_t palette = header.bits <= 8 ? header.colours * header.entry : 0;
  if (header.pixels > bytes.size() || header.row_bytes() * height > bytes.size() - header.pixels ||
      header.palette > bytes.size() || palette > bytes.size() - header.palette)
    throw Error("corrupt BMP: truncated");
  Image image{.height = header.height, .width = header.width, .channels = 3, .pixels = {}};
  image.pixels.reserve(height * width * 3);
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x)
      append_pixel(bytes, header, header.row_begin(y), x, image.pixels);
  if (header.opacity_mask != 0 && header.bits != 24) blend_opacities(bytes, header, image);
  return image;
}

}  // namespace diffuse
