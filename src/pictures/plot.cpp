#include "src/pictures/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "plot_canvas.h"

namespace diffuse {

namespace {

constexpr uint32_t kGrid = 0xe6e6e6, kFrame = 0x8c8c8c, kText = 0x404040;
constexpr std::array<uint32_t, 6> kColours{0x1f6fb4, 0xd9561c, 0x2e9a4f,
                                           0x8a55b5, 0xb8860b, 0x6e6e6e};
constexpr int64_t kLeft = 88, kRight = 20, kTop = 34, kBottom = 46;
constexpr double kPad = 12;  // between the frame and the legend, and around its text

// From the values of one axis to 0 .. 1 along it.
struct Scale {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool log = false;
  std::vector<double> ticks{};

  bool holds(double value) const { return std::isfinite(value) && (!log || value > 0); }
  double share(double value) const {
    return log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  }
  void include(double value) {
    if (!holds(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// Ticks at 1, 2 or 5 times a power of ten, and the scale widened to whole ticks.
void settle_linear(Scale& scale, bool widen) {
  const double range = scale.high - scale.low;
  const double power = std::pow(10, std::floor(std::log10(range / 5)));
  const double ratio = range / 5 / power;
  const double step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  if (widen) {
    scale.low = std::floor(scale.low / step + 1e-9) * step;
    scale.high = std::ceil(scale.high / step - 1e-9) * step;
  }
  const auto first = static_cast<int64_t>(std::ceil(scale.low / step - 1e-9));
  const auto last = static_cast<int64_t>(std::floor(scale.high / step + 1e-9));
  for (int64_t i = first; i <= last; ++i) scale.ticks.push_back(static_cast<double>(i) * step);
}

// Ticks at powers of ten, every so many of them that at most seven are left.
void settle_log(Scale& scale) {
  const auto first = static_cast<int64_t>(std::floor(std::log10(scale.low) + 1e-9));
  auto last = static_cast<int64_t>(std::ceil(std::log10(scale.high) - 1e-9));
  last = std::max(last, first + 1);
  scale.low = std::pow(10, static_cast<double>(first));
  scale.high = std::pow(10, static_cast<double>(last));
  const int64_t stride = (last - first) / 7 + 1;
  for (int64_t i = first; i <= last; i += stride)
    scale.ticks.push_back(std::pow(10, static_cast<double>(i)));
}

void settle(Scale& scale, bool widen) {
  if (!(scale.low <= scale.high)) scale.low = scale.log ? 0.1 : 0, scale.high = 1;  // no values
  if (scale.low == scale.high && !scale.log) {
    const double margin = scale.low == 0 ? 1 : std::abs(scale.low) / 2;
    scale.low -= margin;
    scale.high += margin;
  }
  scale.log ? settle_log(scale) : settle_linear(scale, widen);
}

std::string tick_label(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", std::abs(value) < 1e-300 ? 0.0 : value);
  return text;
}

// One panel's frame in pixels, and its two scales.
struct Frame {
  double left, top, width, height;
  Scale x{}, y{};

  PlotPoint at(double vx, double vy) const {
    return {left + x.share(vx) * width, top + (1 - y.share(vy)) * height};
  }

  void draw(PlotCanvas& canvas, const PlotPanel& panel) const {
    const double right = left + width, bottom = top + height;
    for (const double tick : y.ticks) {
      const double row = at(x.low, tick).y;
      canvas.polyline({{left, row}, {right, row}}, 1, kGrid);
      canvas.text(tick_label(tick), left - 8, row + PlotCanvas::kTextHeight / 2, 1, kText);
    }
    for (const double tick : x.ticks) {
      const double column = at(tick, y.low).x;
      canvas.polyline({{column, top}, {column, bottom}}, 1, kGrid);
      canvas.text(tick_label(tick), column, bottom + 18, 0.5, kText);
    }
    canvas.polyline({{left, top}, {right, top}, {right, bottom}, {left, bottom}, {left, top}}, 1,
                    kFrame);
    canvas.text(panel.title, left, top - 12, 0, 0x101010);
    canvas.text(panel.x_label, left + width / 2, bottom + 37, 0.5, kText);
  }
};

void draw_series(PlotCanvas& canvas, const Frame& frame, const PlotSeries& series,
                 uint32_t colour) {
  std::vector<PlotPoint> run;
  const auto end_run = [&] {
    if (run.size() == 1) run.push_back(run[0]);
    if (!run.empty()) canvas.polyline(run, 2, colour);
    run.clear();
  };
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    if (frame.x.holds(series.x[i]) && frame.y.holds(series.y[i]))
      run.push_back(frame.at(series.x[i], series.y[i]));
    else
      end_run();
  }
  end_run();
}

uint32_t colour_of(size_t series) { return kColours[series % kColours.size()]; }

// In the corner that holds the fewest points of the lines.
void draw_legend(PlotCanvas& canvas, const Frame& frame, const PlotPanel& panel) {
  double text_width = 0;
  std::vector<size_t> shown;
  for (size_t i = 0; i < panel.series.size(); ++i) {
    if (panel.series[i].label.empty()) continue;
    shown.push_back(i);
    text_width = std::max(text_width, PlotCanvas::text_width(panel.series[i].label));
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
    for (const PlotSeries& s : panel.series)
      for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
        if (!frame.x.holds(s.x[i]) || !frame.y.holds(s.y[i])) continue;
        const PlotPoint p = frame.at(s.x[i], s.y[i]);
        hidden += p.x > left && p.x < left + width && p.y > top && p.y < top + height;
      }
    if (hidden < fewest) fewest = hidden, best_left = left, best_top = top;
  }
  canvas.fill(std::lround(best_left), std::lround(best_top), std::lround(width),
              std::lround(height), 0xffffff, 0.85);
  for (size_t i = 0; i < shown.size(); ++i) {
    const double y = best_top + 16 + 20 * static_cast<double>(i);
    canvas.polyline({{best_left + kPad, y}, {best_left + kPad + 24, y}}, 2, colour_of(shown[i]));
    canvas.text(panel.series[shown[i]].label, best_left + kPad + 34,
                y + PlotCanvas::kTextHeight / 2, 0, kText);
  }
}

void draw_panel(PlotCanvas& canvas, const PlotPanel& panel, int64_t top, int64_t width,
                int64_t height) {
  Frame frame{.left = kLeft,
              .top = static_cast<double>(top + kTop),
              .width = static_cast<double>(width - kLeft - kRight),
              .height = static_cast<double>(height - kTop - kBottom)};
  frame.y.log = panel.log_y;
  for (const PlotSeries& series : panel.series) {
    for (const double value : series.x) frame.x.include(value);
    for (const double value : series.y) frame.y.include(value);
  }
  settle(frame.x, false);
  settle(frame.y, true);
  frame.draw(canvas, panel);
  for (size_t i = 0; i < panel.series.size(); ++i)
    draw_series(canvas, frame, panel.series[i], colour_of(i));
  draw_legend(canvas, frame, panel);
}

}  // namespace

Image draw_plot(const std::vector<PlotPanel>& panels, int64_t width, int64_t panel_height) {
  PlotCanvas canvas(width, panel_height * std::ssize(panels));
  for (size_t i = 0; i < panels.size(); ++i)
    draw_panel(canvas, panels[i], static_cast<int64_t>(i) * panel_height, width, panel_height);
  return canvas.take();
}

Image draw_table(const std::vector<std::vector<Image>>& rows,
                 const std::vector<std::string>& row_captions,
                 const std::vector<std::string>& column_captions) {
  constexpr int64_t kCaption = 24, kGap = 4;
  std::vector<int64_t> lefts, widths;
  int64_t height = column_captions.empty() ? kGap : kCaption, width = kGap;
  const int64_t top = height;
  double text = 0;
  for (const std::string& caption : row_captions)
    text = std::max(text, PlotCanvas::text_width(caption));
  if (text > 0) width += static_cast<int64_t>(std::ceil(text)) + 2 * kGap;
  const auto tallest = [](const std::vector<Image>& row) {
    int64_t tall = 0;
    for (const Image& picture : row) tall = std::max(tall, picture.height);
    return tall;
  };
  for (const auto& row : rows) {
    height += tallest(row) + kGap;
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].width);
  }
  for (const int64_t column : widths) {
    lefts.push_back(width);
    width += column + kGap;
  }
  PlotCanvas canvas(width, height);
  for (size_t i = 0; i < std::min(widths.size(), column_captions.size()); ++i)
    canvas.text(column_captions[i],
                static_cast<double>(lefts[i]) + static_cast<double>(widths[i]) / 2, 17, 0.5, kText);
  int64_t y = top;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < rows[r].size(); ++i) canvas.paste(rows[r][i], lefts[i], y);
    const double middle = static_cast<double>(y) + static_cast<double>(tallest(rows[r])) / 2;
    if (r < row_captions.size())
      canvas.text(row_captions[r], 2 * kGap, middle + PlotCanvas::kTextHeight / 2, 0, kText);
    y += tallest(rows[r]) + kGap;
  }
  return canvas.take();
}

Image draw_row(const std::vector<Image>& pictures, const std::vector<std::string>& captions) {
  return draw_table({pictures}, {}, captions);
}

}  // namespace diffuse
