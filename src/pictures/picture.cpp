#include "src/pictures/picture.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace diffuse {

// Halves go to the even neighbour, as in NumPy and PyTorch. A NaN becomes black.
at::Tensor to_uint8(const at::Tensor& x) {
  return x.detach()
      .to(at::kFloat)
      .nan_to_num(-1)
      .add(1)
      .mul(127.5)
      .round()
      .clamp(0, 255)
      .to(at::kByte);
}

// x [B, C, H, W] -> grey [B, 1, H, ...] with its channels side by side, a pixel of white between them;
// images of 1 or 3 channels as they are.
static at::Tensor side_by_side(const at::Tensor& x) {
  if (is_pictured(x.size(1))) return x;
  const at::Tensor apart = at::constant_pad_nd(x, {0, 1}, 1);
  const at::Tensor row = apart.permute({0, 2, 1, 3}).flatten(2).unsqueeze(1);
  return row.narrow(3, 0, row.size(3) - 1);
}

Image to_image(const at::Tensor& image, int64_t zoom) {
  TORCH_CHECK(image.dim() == 3, "to_image: expected [C, H, W], got ", image.sizes());
  const at::Tensor x = side_by_side(image.unsqueeze(0))[0];
  const at::Tensor large = to_uint8(x).cpu().repeat_interleave(zoom, 1).repeat_interleave(zoom, 2);
  const at::Tensor pixels = large.permute({1, 2, 0}).contiguous();  // [H, W, C]
  const auto* data = pixels.const_data_ptr<uint8_t>();
  return {.height = large.size(1),
          .width = large.size(2),
          .channels = x.size(0),
          .pixels = {data, data + pixels.numel()}};
}

Image make_grid(const at::Tensor& images, int64_t columns, int64_t gap, int64_t zoom) {
  TORCH_CHECK(images.dim() == 4 && images.size(0) > 0, "make_grid: expected [B, C, H, W], got ",
              images.sizes());
  const at::Tensor x = side_by_side(images);
  const int64_t count = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  if (columns <= 0)
    columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  columns = std::min(columns, count);
  const int64_t rows = (count + columns - 1) / columns;
  if (zoom <= 0) {
    const int64_t tiles = columns * width;
    zoom = std::clamp<int64_t>((512 - (columns + 1) * gap + tiles - 1) / tiles, 1, 8);
  }
  const int64_t tile_height = height * zoom + gap, tile_width = width * zoom + gap;
  const at::Tensor tiles =
      x.detach().cpu().to(at::kFloat).repeat_interleave(zoom, 2).repeat_interleave(zoom, 3);
  at::Tensor grid = at::ones({channels, rows * tile_height + gap, columns * tile_width + gap});
  for (int64_t i = 0; i < count; ++i)
    grid.narrow(1, gap + i / columns * tile_height, height * zoom)
        .narrow(2, gap + i % columns * tile_width, width * zoom)
        .copy_(tiles[i]);
  return to_image(grid);
}

namespace {

// A white canvas on which colours are blended by coverage.
class Canvas {
 public:
  explicit Canvas(int64_t side) : side_(side), image_{side, side, 3, {}} {
    image_.pixels.assign(static_cast<size_t>(side * side * 3), 255);
  }

  void blend(int64_t x, int64_t y, uint32_t colour, double coverage) {
    if (x < 0 || y < 0 || x >= side_ || y >= side_ || coverage <= 0) return;
    for (int c = 0; c < 3; ++c) {
      auto& value = image_.pixels[static_cast<size_t>((y * side_ + x) * 3 + c)];
      const double ink = static_cast<double>(colour >> (16 - 8 * c) & 0xff);
      value = static_cast<uint8_t>(std::lround(value + (ink - value) * coverage));
    }
  }

  void fill(int64_t left, int64_t top, int64_t width, int64_t height, uint32_t colour) {
    for (int64_t y = top; y < top + height; ++y)
      for (int64_t x = left; x < left + width; ++x) blend(x, y, colour, 1);
  }

  // A disc whose edge covers pixels in proportion to their distance from it.
  void disc(double x, double y, double radius, uint32_t colour, double opacity) {
    const auto reach = static_cast<int64_t>(std::ceil(radius + 1));
    const auto column = static_cast<int64_t>(std::floor(x)),
               row = static_cast<int64_t>(std::floor(y));
    for (int64_t j = row - reach; j <= row + reach; ++j)
      for (int64_t i = column - reach; i <= column + reach; ++i) {
        const double distance = std::hypot(i + 0.5 - x, j + 0.5 - y);
        blend(i, j, colour, opacity * std::clamp(radius + 0.5 - distance, 0.0, 1.0));
      }
  }

  Image take() { return std::move(image_); }

 private:
  int64_t side_;
  Image image_;
};

// Digits and the minus sign in a 3x5 raster, a row's left pixel in its highest bit.
constexpr std::array<std::array<uint8_t, 5>, 11> kGlyphs = {{{7, 5, 5, 5, 7},
                                                             {2, 6, 2, 2, 7},
                                                             {7, 1, 7, 4, 7},
                                                             {7, 1, 7, 1, 7},
                                                             {5, 5, 7, 1, 1},
                                                             {7, 4, 7, 1, 7},
                                                             {7, 4, 7, 5, 7},
                                                             {7, 1, 1, 2, 2},
                                                             {7, 5, 7, 5, 7},
                                                             {7, 5, 7, 1, 7},
                                                             {0, 0, 7, 0, 0}}};

// `text` of digits and "-", centred at (x, y), every pixel of a glyph drawn `scale` times.
void draw_label(Canvas& canvas, const std::string& text, int64_t x, int64_t y, int64_t scale,
                uint32_t colour) {
  const int64_t width = (4 * std::ssize(text) - 1) * scale;
  int64_t left = x - width / 2;
  for (const char c : text) {
    const auto& glyph = kGlyphs[c == '-' ? 10 : static_cast<size_t>(c - '0')];
    for (int64_t row = 0; row < 5; ++row)
      for (int64_t column = 0; column < 3; ++column)
        if ((glyph[static_cast<size_t>(row)] >> (2 - column) & 1) != 0)
          canvas.fill(left + column * scale, y + (2 * row - 5) * scale / 2, scale, scale, colour);
    left += 4 * scale;
  }
}

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

  void draw(Canvas& canvas) const {
    constexpr uint32_t kGrid = 0xebebeb, kZero = 0xc8c8c8, kFrame = 0x808080, kText = 0x505050;
    const int64_t inner = side - 2 * margin;
    const int64_t scale = std::max<int64_t>(1, side / 256);
    // At most nine lines, at multiples of a whole number.
    const auto step = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(limit / 4)));
    const int64_t last = static_cast<int64_t>(limit) / step * step;
    for (int64_t value = -last; value <= last; value += step) {
      const auto column = std::lround(x(static_cast<double>(value)));
      const auto row = std::lround(y(static_cast<double>(value)));
      canvas.fill(column, margin, 1, inner, value == 0 ? kZero : kGrid);
      canvas.fill(margin, row, inner, 1, value == 0 ? kZero : kGrid);
      draw_label(canvas, std::to_string(value), column, side - margin / 2, scale, kText);
      draw_label(canvas, std::to_string(value), margin / 2, row, scale, kText);
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
              "draw_points: one colour a point");
  Canvas canvas(side);
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
    if (!(std::abs(x) <= limit && std::abs(y) <= limit)) continue;  // outside, or NaN
    const uint32_t colour = colours.empty() ? 0x2a5fb0 : colours[static_cast<size_t>(i)];
    canvas.disc(axes.x(x), axes.y(y), radius, colour, opacity);
  }
  return canvas.take();
}

}  // namespace diffuse
