// The first picture of a GIF, through giflib.
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "diffuse/core/error.h"
#include "image_codecs.h"

namespace diffuse {
namespace {

int read_gif(GifFileType* gif, GifByteType* out, int size) {
  auto& rest = *static_cast<std::string_view*>(gif->UserData);
  const size_t count = std::min(rest.size(), static_cast<size_t>(size));
  std::memcpy(out, rest.data(), count);
  rest.remove_prefix(count);
  return static_cast<int>(count);
}

void close_gif(GifFileType* gif) { DGifCloseFile(gif, nullptr); }

[[noreturn]] void refuse_gif(const GifFileType* gif) {
  const char* text = GifErrorString(gif->Error);
  throw Error("corrupt GIF: ", text == nullptr ? "truncated or damaged" : text);
}

// Reads up to the first picture. Returns the number of its transparent colour, or -1.
int find_picture(GifFileType* gif) {
  GraphicsControlBlock control{};
  control.TransparentColor = NO_TRANSPARENT_COLOR;
  GifRecordType kind = UNDEFINED_RECORD_TYPE;
  while (DGifGetRecordType(gif, &kind) == GIF_OK && kind == EXTENSION_RECORD_TYPE) {
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif, &code, &block) != GIF_OK) refuse_gif(gif);
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr)
      DGifExtensionToGCB(block[0], block + 1, &control);
    while (block != nullptr)
      if (DGifGetExtensionNext(gif, &block) != GIF_OK) refuse_gif(gif);
  }
  if (kind != IMAGE_DESC_RECORD_TYPE) throw Error("corrupt GIF: contains no picture");
  if (DGifGetImageDesc(gif) != GIF_OK) refuse_gif(gif);
  return control.TransparentColor;
}

// The rows in file order; interlaced: every 8th, 8th, 4th and 2nd.
std::vector<int> row_order(int height, bool interlaced) {
  std::vector<int> rows;
  const auto append = [&](int first, int step) {
    for (int y = first; y < height; y += step) rows.push_back(y);
  };
  if (!interlaced) {
    append(0, 1);
  } else {
    append(0, 8);
    append(4, 8);
    append(2, 4);
    append(1, 2);
  }
  return rows;
}

}  // namespace

// The screen outside the picture, and the transparent colour, become white.
Image decode_gif(std::string_view bytes) {
  const size_t file_bytes = bytes.size();
  int error = 0;
  const std::unique_ptr<GifFileType, decltype(&close_gif)> gif(DGifOpen(&bytes, read_gif, &error),
                                                               close_gif);
  if (!gif) throw Error("corrupt GIF: no header");
  const int transparent = find_picture(gif.get());
  const GifImageDesc& picture = gif->Image;
  const int64_t height = std::max(gif->SHeight, picture.Top + picture.Height);
  const int64_t width = std::max(gif->SWidth, picture.Left + picture.Width);
  check_packed_size(height, width, file_bytes);
  const ColorMapObject* map = picture.ColorMap != nullptr ? picture.ColorMap : gif->SColorMap;
  if (map == nullptr) throw Error("corrupt GIF: no palette");
  Image image{.height = height, .width = width, .channels = 3, .pixels = {}};
  image.pixels.assign(static_cast<size_t>(height * width * 3), 255);
  std::vector<GifPixelType> line(static_cast<size_t>(picture.Width));
  for (const int y : row_order(picture.Height, picture.Interlace)) {
    if (DGifGetLine(gif.get(), line.data(), picture.Width) != GIF_OK) refuse_gif(gif.get());
    auto out = image.pixels.begin() + ((picture.Top + y) * width + picture.Left) * 3;
    for (const int index : line) {
      if (index >= map->ColorCount) throw Error("corrupt GIF: a colour beyond its palette");
      const GifColorType& colour = map->Colors[index];
      const std::array<uint8_t, 3> rgb{colour.Red, colour.Green, colour.Blue};
      out = index == transparent ? out + 3 : std::copy(rgb.begin(), rgb.end(), out);
    }
  }
  return image;
}

}  // namespace diffuse
