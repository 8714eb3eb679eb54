#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "canvas.h"
#include "chart_scale.h"
#include "src/pictures/chart.h"

namespace diffuse {

namespace {

constexpr uint32_t kGrid = 0xe6e6e6, kFrame = 0x8c8c8c, kText = 0x404040;
constexpr std::array<uint32_t, 6> kColours{0x1f6fb4, 0xd9561c, 0x2e9a4f,
                                           0x8a55b5, 0xb8860b, 0x6e6e6e};
constexpr int64_t kLeft = 88, kRight = 20, kTop = 34, kBottom = 46;
constexpr double kPad = 12;  // between the frame and the legend, and around its text

std::string tick_label(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", std::abs(value) < 1e-300 ? 0.0 : value);
  return text;
}

// One panel's frame in pixels, and its two scales.
struct Frame {
  double left, top, width, height;
  Scales scales;

  CanvasPoint at(double vx, double vy) const {
    return {left + scales.x.share(vx) * width, top + (1 - scales.y.share(vy)) * height};
  }

  void draw(Canvas& canvas, const Chart& chart) const {
    const double right = left + width, bottom = top + height;
    for (const double tick : scales.y.ticks) {
      const double row = at(scales.x.low, tick).y;
      canvas.polyline({{left, row}, {right, row}}, 1, kGrid);
      canvas.text(tick_label(tick), {left - 8, row + Canvas::kTextHeight / 2}, 1, kText);
    }
    for (const double tick : scales.x.ticks) {
      const double column = at(tick, scales.y.low).x;
      canvas.polyline({{column, top}, {column, bottom}}, 1, kGrid);
      canvas.text(tick_label(tick), {column, bottom + 18}, 0.5, kText);
    }
    canvas.polyline({{left, top}, {right, top}, {right, bottom}, {left, bottom}, {left, top}}, 1,
                    kFrame);
    canvas.text(title_and_unit(chart), {left, top - 12}, 0, 0x101010);
    canvas.text(chart.x_label, {left + width / 2, bottom + 37}, 0.5, kText);
  }
};

void draw_series(Canvas& canvas, const Frame& frame, const ChartSeries& series, uint32_t colour) {
  std::vector<CanvasPoint> run;
  const auto end_run = [&] {
    if (run.size() == 1) run.push_back(run[0]);
    if (!run.empty()) canvas.polyline(run, 2, colour);
    run.clear();
  };
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    if (frame.scales.x.holds(series.x[i]) && frame.scales.y.holds(series.y[i]))
      run.push_back(frame.at(series.x[i], series.y[i]));
    else
      end_run();
  }
  end_run();
}

uint32_t colour_of(size_t series) { return kColours[series % kColours.size()]; }

// In the corner that holds the fewest points of the lines.
void draw_legend(Canvas& canvas, const Frame& frame, const Chart& chart) {
  double text_width = 0;
  std::vector<size_t> shown;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    if (chart.series[i].label.empty()) continue;
    shown.push_back(i);
    text_width = std::max(text_width, Canvas::text_width(chart.series[i].label));
  }
  if (shown.empty()) return;
  const double width = text_width + 34 + 2 * kPad;
  const double height = 20 * static_cast<double>(shown.size()) + 10;
  double best_left = 0, best_top = 0;
  size_t fewest = std::numeric_limits<size_t>::max();
  for (const auto& [right, low] : {std::pair{1, 0}, {0, 0}, {1, 1}, {0, 1}}) {
    const double left = right ? frame.left + frame.width - width - kPad : frame.left + kPad;
    const double top = low ? frame.top + frame.height - height - kPad : frame.top + kPad;
    size_t hidden = 0;
    for (const ChartSeries& s : chart.series)
      for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
        if (!frame.scales.x.holds(s.x[i]) || !frame.scales.y.holds(s.y[i])) continue;
        const CanvasPoint p = frame.at(s.x[i], s.y[i]);
        hidden += p.x > left && p.x < left + width && p.y > top && p.y < top + height;
      }
    if (hidden < fewest) fewest = hidden, best_left = left, best_top = top;
  }
  canvas.fill(std::lround(best_left), std::lround(best_top), std::lround(width),
              std::lround(height), 0xffffff, 0.85);
  for (size_t i = 0; i < shown.size(); ++i) {
    const double y = best_top + 16 + 20 * static_cast<double>(i);
    canvas.polyline({{best_left + kPad, y}, {best_left + kPad + 24, y}}, 2, colour_of(shown[i]));
    canvas.text(chart.series[shown[i]].label, {best_left + kPad + 34, y + Canvas::kTextHeight / 2},
                0, kText);
  }
}

void draw_chart(Canvas& canvas, const Chart& chart, int64_t top, int64_t width, int64_t height) {
  const Frame frame{.left = kLeft,
                    .top = static_cast<double>(top + kTop),
                    .width = static_cast<double>(width - kLeft - kRight),
                    .height = static_cast<double>(height - kTop - kBottom),
                    .scales = scales_of(chart)};
  frame.draw(canvas, chart);
  for (size_t i = 0; i < chart.series.size(); ++i)
    draw_series(canvas, frame, chart.series[i], colour_of(i));
  draw_legend(canvas, frame, chart);
}

}  // namespace

Image draw_charts(const std::vector<Chart>& charts, int64_t width, int64_t panel_height) {
  Canvas canvas(width, panel_height * std::ssize(charts));
  for (size_t i = 0; i < charts.size(); ++i)
    draw_chart(canvas, charts[i], static_cast<int64_t>(i) * panel_height, width, panel_height);
  return canvas.take();
}

}  // namespace diffuse
