// Charts in pixels: their SVG, drawn by librsvg.
#include <librsvg/rsvg.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "diffuse/core/error.h"
#include "src/pictures/chart.h"

namespace diffuse {

constexpr double kPixelsPerUnit = 1.5;  // 144 dpi where a browser's pixel is 1/96 inch

// Throws what librsvg says about a failure.
static void check(bool good, GError* error) {
  if (good) return;
  const std::string why = error == nullptr ? "unknown" : error->message;
  g_clear_error(&error);
  throw std::runtime_error(concat("librsvg cannot draw a chart: ", why));
}

Image draw_charts(const std::vector<Chart>& charts) {
  const std::string svg = charts_svg(charts);
  GError* error = nullptr;
  const std::unique_ptr<RsvgHandle, void (*)(void*)> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error),
      g_object_unref);
  check(handle != nullptr, error);
  double width = 0, height = 0;
  check(rsvg_handle_get_intrinsic_size_in_pixels(handle.get(), &width, &height), nullptr);
  Image image{.height = std::lround(height * kPixelsPerUnit),
              .width = std::lround(width * kPixelsPerUnit),
              .channels = 3,
              .pixels = {}};
  const std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(image.width),
                                 static_cast<int>(image.height)),
      cairo_surface_destroy);
  const std::unique_ptr<cairo_t, void (*)(cairo_t*)> context(cairo_create(surface.get()),
                                                             cairo_destroy);
  const RsvgRectangle all{0, 0, static_cast<double>(image.width),
                          static_cast<double>(image.height)};
  check(rsvg_handle_render_document(handle.get(), context.get(), &all, &error), error);
  cairo_surface_flush(surface.get());
  const auto* const rows =
      reinterpret_cast<const std::byte*>(cairo_image_surface_get_data(surface.get()));
  const int64_t stride = cairo_image_surface_get_stride(surface.get());
  for (int64_t y = 0; y < image.height; ++y)
    for (int64_t x = 0; x < image.width; ++x) {
      uint32_t pixel = 0;  // 0x00RRGGBB
      std::memcpy(&pixel, rows + y * stride + x * 4, sizeof pixel);
      for (const int shift : {16, 8, 0})
        image.pixels.push_back(static_cast<uint8_t>(pixel >> shift & 0xff));
    }
  return image;
}

}  // namespace diffuse
