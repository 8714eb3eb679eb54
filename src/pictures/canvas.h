// Anti-aliased lines, discs and text on a white picture: what scatter plots, signals and captions are drawn on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

struct CanvasPoint {
  double x = 0, y = 0;  // pixels from the top left corner
};

class Canvas {
 public:
  Canvas(int64_t width, int64_t height);

  // A line through `points`, `thickness` pixels wide with round ends. A pixel is covered once,
  // however many segments meet in it.
  void polyline(const std::vector<CanvasPoint>& points, double thickness, uint32_t colour);

  void disc(CanvasPoint centre, double radius, uint32_t colour, double opacity);
  void fill(int64_t left, int64_t top, int64_t width, int64_t height, uint32_t colour);
  void paste(const Image& picture, int64_t left, int64_t top);

  // UTF-8 `text` with its capitals' feet at `at.y`; `align` 0 begins at x, 0.5 is centred on it, 1 ends
  // there. `size` multiplies the height of a capital, kTextHeight. The font is ASCII,
  // as ascii_text() makes it.
  void text(std::string_view text, CanvasPoint at, double align, uint32_t colour, double size = 1);
  static double text_width(std::string_view text, double size = 1);
  static constexpr double kTextHeight = 9;  // of a capital, in pixels

  Image take() { return std::move(image_); }

 private:
  void blend(int64_t x, int64_t y, uint32_t colour, double coverage);
  void strokes(const std::vector<std::vector<CanvasPoint>>& lines, double thickness,
               uint32_t colour);

  Image image_;
};

// Each character that is not ASCII becomes one DEL, which the font shows as a box.
std::string ascii_text(std::string_view utf8);

// The strokes of an ASCII character in a raster five wide; capitals fill rows 0 to 6, tails rows 7 and 8.
std::vector<std::vector<CanvasPoint>> glyph_strokes(char character);

}  // namespace diffuse
