#include "canvas.h"

#include <algorithm>
#include <cmath>

namespace diffuse {

static constexpr double kDot = 1.5;      // pixels between the dots of a glyph's raster
static constexpr double kAdvance = 6.2;  // dots between characters
static constexpr double kStroke = 1.35;  // pixels

Canvas::Canvas(int64_t width, int64_t height) : image_{height, width, 3, {}} {
  image_.pixels.assign(static_cast<size_t>(width * height * 3), 255);
}

void Canvas::blend(int64_t x, int64_t y, uint32_t colour, double coverage) {
  if (x < 0 || y < 0 || x >= image_.width || y >= image_.height || coverage <= 0) return;
  for (int c = 0; c < 3; ++c) {
    uint8_t& value = image_.pixels[static_cast<size_t>((y * image_.width + x) * 3 + c)];
    const double ink = static_cast<double>(colour >> (16 - 8 * c) & 0xff);
    value = static_cast<uint8_t>(std::lround(value + (ink - value) * coverage));
  }
}

void Canvas::fill(int64_t left, int64_t top, int64_t width, int64_t height, uint32_t colour) {
  for (int64_t y = top; y < top + height; ++y)
    for (int64_t x = left; x < left + width; ++x) blend(x, y, colour, 1);
}

void Canvas::disc(CanvasPoint centre, double radius, uint32_t colour, double opacity) {
  const auto reach = static_cast<int64_t>(std::ceil(radius + 1));
  const auto column = static_cast<int64_t>(std::floor(centre.x)),
             row = static_cast<int64_t>(std::floor(centre.y));
  for (int64_t y = row - reach; y <= row + reach; ++y)
    for (int64_t x = column - reach; x <= column + reach; ++x) {
      const double distance = std::hypot(x + 0.5 - centre.x, y + 0.5 - centre.y);
      blend(x, y, colour, opacity * std::clamp(radius + 0.5 - distance, 0.0, 1.0));
    }
}

void Canvas::paste(const Image& picture, int64_t left, int64_t top) {
  for (int64_t y = 0; y < picture.height; ++y)
    for (int64_t x = 0; x < picture.width; ++x) {
      const auto* p =
          &picture.pixels[static_cast<size_t>((y * picture.width + x) * picture.channels)];
      const int green = picture.channels == 3 ? 1 : 0, blue = picture.channels == 3 ? 2 : 0;
      blend(left + x, top + y, static_cast<uint32_t>(p[0] << 16 | p[green] << 8 | p[blue]), 1);
    }
}

static double distance_to_segment(double x, double y, CanvasPoint a, CanvasPoint b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  const double along =
      length2 == 0 ? 0 : std::clamp(((x - a.x) * dx + (y - a.y) * dy) / length2, 0.0, 1.0);
  return std::hypot(x - a.x - along * dx, y - a.y - along * dy);
}

// Coverage is taken as the largest of any segment, then blended once.
void Canvas::strokes(const std::vector<std::vector<CanvasPoint>>& lines, double thickness,
                     uint32_t colour) {
  const double reach = thickness / 2 + 1;
  double left = 1e9, right = -1e9, top = 1e9, bottom = -1e9;
  for (const auto& line : lines)
    for (const CanvasPoint p : line) {
      left = std::min(left, p.x - reach), right = std::max(right, p.x + reach);
      top = std::min(top, p.y - reach), bottom = std::max(bottom, p.y + reach);
    }
  const auto x0 = std::max<int64_t>(0, std::lround(left)),
             y0 = std::max<int64_t>(0, std::lround(top));
  const auto x1 = std::min<int64_t>(image_.width, std::lround(right) + 1),
             y1 = std::min<int64_t>(image_.height, std::lround(bottom) + 1);
  if (x1 <= x0 || y1 <= y0) return;
  const int64_t width = x1 - x0;
  std::vector<double> covered(static_cast<size_t>(width * (y1 - y0)), 0);
  const auto segment = [&](CanvasPoint a, CanvasPoint b) {
    const auto from_x = std::max(x0, std::lround(std::min(a.x, b.x) - reach)),
               to_x = std::min(x1, std::lround(std::max(a.x, b.x) + reach) + 1),
               from_y = std::max(y0, std::lround(std::min(a.y, b.y) - reach)),
               to_y = std::min(y1, std::lround(std::max(a.y, b.y) + reach) + 1);
    for (int64_t y = from_y; y < to_y; ++y)
      for (int64_t x = from_x; x < to_x; ++x) {
        double& value = covered[static_cast<size_t>((y - y0) * width + x - x0)];
        const double distance = distance_to_segment(x + 0.5, y + 0.5, a, b);
        value = std::max(value, std::clamp(thickness / 2 + 0.5 - distance, 0.0, 1.0));
      }
  };
  for (const auto& line : lines)
    for (size_t i = 0; i + 1 < line.size(); ++i) segment(line[i], line[i + 1]);
  for (int64_t y = y0; y < y1; ++y)
    for (int64_t x = x0; x < x1; ++x)
      blend(x, y, colour, covered[static_cast<size_t>((y - y0) * width + x - x0)]);
}

void Canvas::polyline(const std::vector<CanvasPoint>& points, double thickness, uint32_t colour) {
  strokes({points}, thickness, colour);
}

double Canvas::text_width(std::string_view text, double size) {
  const size_t letters = ascii_text(text).size();
  return letters == 0 ? 0 : (static_cast<double>(letters) * kAdvance - 1.2) * kDot * size;
}

void Canvas::text(std::string_view text, CanvasPoint at, double align, uint32_t colour,
                  double size) {
  const double dot = kDot * size;
  double left = at.x - align * text_width(text, size) + dot / 2;
  for (const char character : ascii_text(text)) {
    auto lines = glyph_strokes(character);
    for (auto& line : lines)
      for (CanvasPoint& p : line) p = {left + p.x * dot, at.y + (p.y - 6) * dot};
    strokes(lines, kStroke * size, colour);
    left += kAdvance * dot;
  }
}

}  // namespace diffuse
