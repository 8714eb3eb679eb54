// Anti-aliased lines and text on a white picture.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

struct PlotPoint {
  double x = 0, y = 0;  // pixels from the top left corner
};

class PlotCanvas {
 public:
  PlotCanvas(int64_t width, int64_t height);

  // A line through `points`, `thickness` pixels wide with round ends. A pixel is covered once,
  // however many segments meet in it.
  void polyline(const std::vector<PlotPoint>& points, double thickness, uint32_t colour);

  void fill(int64_t left, int64_t top, int64_t width, int64_t height, uint32_t colour,
            double opacity = 1);
  void paste(const Image& picture, int64_t left, int64_t top);

  // `text` with its capitals' feet at `y`; `align` 0 begins at x, 0.5 is centred on it, 1 ends there.
  void text(std::string_view text, double x, double y, double align, uint32_t colour);
  static double text_width(std::string_view text);
  static constexpr double kTextHeight = 9;  // of a capital, in pixels

  Image take() { return std::move(image_); }

 private:
  void blend(int64_t x, int64_t y, uint32_t colour, double coverage);
  void strokes(const std::vector<std::vector<PlotPoint>>& lines, double thickness, uint32_t colour);

  Image image_;
};

// The strokes of a character in a raster five wide; capitals fill rows 0 to 6, tails rows 7 and 8.
std::vector<std::vector<PlotPoint>> glyph_strokes(char character);

}  // namespace diffuse
