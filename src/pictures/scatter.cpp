#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "canvas.h"
#include "src/pictures/picture.h"

namespace diffuse {

namespace {

// The frame with its grid lines and labels. Maps the plane to pixels: x to the right, y upwards.
struct Axes {
  double limit;
  int64_t margin, side;

  double pixels_per_unit() const { return static_cast<double>(side - 2 * margin) / (2 * limit); }
  double x(double value) const {
    return static_cast<double>(margin) + (value + limit) * pixels_per_unit();
  }
  double y(double value) const {
    return static_cast<double>(margin) + (limit - value) * pixels_per_unit();
  }
  bool holds(double x, double y) const {  // not NaN either
    return std::abs(x) <= limit && std::abs(y) <= limit;
  }

  void draw(Canvas& canvas) const {
    constexpr uint32_t kGrid = 0xebebeb, kZero = 0xc8c8c8, kFrame = 0x808080, kText = 0x505050;
    const int64_t inner = side - 2 * margin;
    const double middle = static_cast<double>(margin) / 2;
    // At most nine lines, at multiples of a whole number.
    const auto step = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(limit / 4)));
    const int64_t last = static_cast<int64_t>(limit) / step * step;
    for (int64_t value = -last; value <= last; value += step) {
      const auto column = std::lround(x(static_cast<double>(value)));
      const auto row = std::lround(y(static_cast<double>(value)));
      canvas.fill(column, margin, 1, inner, value == 0 ? kZero : kGrid);
      canvas.fill(margin, row, inner, 1, value == 0 ? kZero : kGrid);
      const std::string label = std::to_string(value);
      const double room = static_cast<double>(margin - 4) / Canvas::text_width(label);
      const double size = std::min(room, static_cast<double>(side) / 512);
      const double foot = Canvas::kTextHeight / 2 * size;
      canvas.text(label, {column + 0.5, static_cast<double>(side) - middle + foot}, 0.5, kText,
                  size);
      canvas.text(label, {middle, row + 0.5 + foot}, 0.5, kText, size);
    }
    canvas.fill(margin, margin, inner, 1, kFrame);
    canvas.fill(margin, side - margin - 1, inner, 1, kFrame);
    canvas.fill(margin, margin, 1, inner, kFrame);
    canvas.fill(side - margin - 1, margin, 1, inner, kFrame);
  }
};

}  // namespace

Image draw_points(const at::Tensor& points, double limit, int64_t side,
                  const std::vector<uint32_t>& colours) {
  TORCH_CHECK(points.dim() == 2 && points.size(1) >= 1 && limit > 0 && side >= 64,
              "draw_points: expected points [N, D >= 1], limit > 0 and side >= 64, got ",
              points.sizes());
  TORCH_CHECK(colours.empty() || std::ssize(colours) == points.size(0),
              "draw_points: expected one colour per point");
  Canvas canvas(side, side);
  const Axes axes{.limit = limit, .margin = side / 16, .side = side};
  axes.draw(canvas);
  // Many points are drawn smaller and paler, so that density shows.
  const double count = static_cast<double>(std::max<int64_t>(points.size(0), 1));
  const double radius =
      static_cast<double>(side) / 512 * std::clamp(80 / std::sqrt(count), 1.3, 4.0);
  const double opacity = std::clamp(25 / std::sqrt(count), 0.35, 0.8);
  const at::Tensor values = points.detach().cpu().to(at::kDouble).contiguous();
  const auto rows = values.accessor<double, 2>();
  for (int64_t i = 0; i < values.size(0); ++i) {
    const double x = rows[i][0], y = values.size(1) > 1 ? rows[i][1] : 0;
    if (!axes.holds(x, y)) continue;
    const uint32_t colour = colours.empty() ? 0x2a5fb0 : colours[static_cast<size_t>(i)];
    canvas.disc({axes.x(x), axes.y(y)}, radius, colour, opacity);
  }
  return canvas.take();
}

Image draw_paths(const at::Tensor& paths, double limit, int64_t side) {
  TORCH_CHECK(paths.dim() == 3 && paths.size(1) >= 1 && paths.size(2) >= 2 && limit > 0,
              "draw_paths: expected paths [N, K >= 1, D >= 2] and limit > 0, got ", paths.sizes());
  constexpr uint32_t kLine = 0x9fbde4, kEnd = 0xd9561c;
  Canvas canvas(side, side);
  const Axes axes{.limit = limit, .margin = side / 16, .side = side};
  axes.draw(canvas);
  const double unit = static_cast<double>(side) / 512;
  const at::Tensor values = paths.detach().cpu().to(at::kDouble).contiguous();
  const auto at = values.accessor<double, 3>();
  const auto last = values.size(1) - 1;
  for (int64_t i = 0; i < values.size(0); ++i) {
    std::vector<CanvasPoint> line;
    for (int64_t k = 0; k <= last; ++k) {
      const bool inside = axes.holds(at[i][k][0], at[i][k][1]);
      if (inside) line.push_back({axes.x(at[i][k][0]), axes.y(at[i][k][1])});
      if (inside && k < last) continue;
      if (line.size() > 1) canvas.polyline(line, unit, kLine);
      line.clear();
    }
  }
  for (int64_t i = 0; i < values.size(0); ++i)
    if (const double x = at[i][last][0], y = at[i][last][1]; axes.holds(x, y))
      canvas.disc({axes.x(x), axes.y(y)}, 2.5 * unit, kEnd, 1);
  return canvas.take();
}

}  // namespace diffuse
