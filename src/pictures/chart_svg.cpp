#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "chart_scale.h"
#include "diffuse/core/error.h"
#include "image_libraries.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"
#include "src/pictures/chart.h"

namespace diffuse {

namespace {

constexpr double kFileWidth = 720, kFileHeight = 280, kElementWidth = 440, kElementHeight = 250;
constexpr double kLetterWidth = 6.6;  // pixels that a letter of 12 px takes, on the wide side
constexpr double kRightMargin = 16, kTitleHeight = 30, kLegendHeight = 18, kBottomMargin = 40;
constexpr size_t kColourCount = 6;  // as many as the style has; then again, dashed

// Both modes' colours as classes, since not every viewer knows the variables of CSS.
constexpr const char* kChartStyle =
    ".chart{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
    "font-size:12px}"
    ".chart-page{fill:#fff}.chart-text{fill:#555}.chart-title{fill:#111;font-weight:600}"
    ".chart-grid{fill:none;stroke:#e6e6e6}.chart-axis{fill:none;stroke:#8c8c8c}"
    ".chart-line{fill:none;stroke:currentColor;stroke-width:1.75;stroke-linejoin:round;"
    "stroke-linecap:round}.chart-sign{fill:currentColor}"
    ".chart-0{color:#1f6fb4}.chart-1{color:#d9561c}.chart-2{color:#2e9a4f}.chart-3{color:#8a55b5}"
    ".chart-4{color:#a87900}.chart-5{color:#6e6e6e}"
    "@media(prefers-color-scheme:dark){"
    ".chart-page{fill:#16181c}.chart-text{fill:#b4b8be}.chart-title{fill:#f2f2f2}"
    ".chart-grid{stroke:#2c3036}.chart-axis{stroke:#7d838b}"
    ".chart-0{color:#6cb2f0}.chart-1{color:#ff8f5c}.chart-2{color:#63c983}.chart-3{color:#c39be8}"
    ".chart-4{color:#e0b341}.chart-5{color:#b0b4ba}}";

std::string escaped(std::string_view text) {
  std::string xml;
  for (const char c : text) {
    if (c == '<')
      xml += "&lt;";
    else if (c == '&')
      xml += "&amp;";
    else if (c == '"')
      xml += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20)  // XML has no other control characters
      xml += c;
  }
  return xml;
}

size_t letters_of(std::string_view utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// A coordinate, in tenths of a pixel.
std::string px(double value) { return concat(std::round(value * 10) / 10); }

std::string text_at(double x, double y, const char* anchor, const std::string& content) {
  return concat("<text class=\"chart-text\" x=\"", px(x), "\" y=\"", px(y), "\" text-anchor=\"",
                anchor, "\">", content, "</text>\n");
}

// The numbers of points to draw: of each of `buckets` stretches the first, the last and those of the
// least and the largest value, which cover the same pixels as all of them. Where one has no place on
// the axis, and breaks the line, it stays.          [Jugel et al. 2014, M4]
std::vector<size_t> thinned(const ChartSeries& series, const Scale& scale, size_t buckets) {
  const size_t count = std::min(series.x.size(), series.y.size());
  std::vector<size_t> kept;
  const size_t stretch = std::max<size_t>(count / buckets, 1);
  for (size_t begin = 0; begin < count; begin += stretch) {
    const size_t end = std::min(begin + stretch, count);
    std::vector<size_t> some{begin, end - 1};
    size_t least = end, most = end;
    for (size_t i = begin; i < end; ++i) {
      if (!scale.holds(series.y[i])) {
        if (some.size() == 2) some.push_back(i);
        continue;
      }
      if (least == end || series.y[i] < series.y[least]) least = i;
      if (most == end || series.y[i] > series.y[most]) most = i;
    }
    if (least != end) some.insert(some.end(), {least, most});
    std::sort(some.begin(), some.end());
    some.erase(std::unique(some.begin(), some.end()), some.end());
    kept.insert(kept.end(), some.begin(), some.end());
  }
  return kept;
}

// Where a chart's parts are: the frame in pixels, its scales, and the rows of its legend.
struct Layout {
  double left = 0, top = 0, width = 0, height = 0;
  Scales scales;
  std::vector<std::vector<size_t>> legend;  // series row by row

  double x(double value) const { return left + scales.x.share(value) * width; }
  double y(double value) const { return top + (1 - scales.y.share(value)) * height; }
};

// Rows of labels, as many in each as fit into `width`.
std::vector<std::vector<size_t>> legend_rows(const Chart& chart, double width) {
  std::vector<std::vector<size_t>> rows;
  double used = 0;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    if (chart.series[i].label.empty()) continue;
    const double wanted = kLetterWidth * static_cast<double>(letters_of(chart.series[i].label) + 4);
    if (rows.empty() || used + wanted > width) rows.emplace_back(), used = 0;
    rows.back().push_back(i);
    used += wanted;
  }
  return rows;
}

Layout layout_of(const Chart& chart, double width, double height) {
  Layout layout;
  layout.scales = scales_of(chart);
  size_t letters = 0;
  for (const double tick : layout.scales.y.ticks)
    letters = std::max(letters, letters_of(tick_text(tick)));
  layout.left = 16 + kLetterWidth * static_cast<double>(letters);
  layout.width = width - layout.left - kRightMargin;
  layout.legend = legend_rows(chart, layout.width);
  layout.top = kTitleHeight + kLegendHeight * static_cast<double>(layout.legend.size());
  layout.height = height - layout.top - kBottomMargin;
  return layout;
}

std::string axes_svg(const Chart& chart, const Layout& l) {
  const double right = l.left + l.width, bottom = l.top + l.height;
  std::string grid, labels;
  for (const double tick : l.scales.y.ticks) {
    grid += concat("M", px(l.left), " ", px(l.y(tick)), "H", px(right));
    labels += text_at(l.left - 7, l.y(tick) + 4, "end", tick_text(tick));
  }
  for (const double tick : l.scales.x.ticks) {
    grid += concat("M", px(l.x(tick)), " ", px(l.top), "V", px(bottom));
    labels += text_at(l.x(tick), bottom + 16, "middle", tick_text(tick));
  }
  labels += text_at(l.left + l.width / 2, bottom + 33, "middle", escaped(chart.x_label));
  return concat("<path class=\"chart-grid\" d=\"", grid, "\"/>\n<path class=\"chart-axis\" d=\"M",
                px(l.left), " ", px(l.top), "V", px(bottom), "H", px(right), "\"/>\n", labels);
}

std::string title_svg(const Chart& chart, const Layout& l) {
  std::string svg = concat("<text x=\"", px(l.left), "\" y=\"18\"><tspan class=\"chart-title\">",
                           escaped(chart.title), "</tspan>");
  if (!chart.unit.empty())
    svg += concat("<tspan class=\"chart-text\" dx=\"8\">", escaped(chart.unit), "</tspan>");
  svg += "</text>\n";
  for (size_t row = 0; row < l.legend.size(); ++row) {
    svg += concat("<text class=\"chart-text\" x=\"", px(l.left), "\" y=\"",
                  px(36 + kLegendHeight * static_cast<double>(row)), "\">");
    for (const size_t i : l.legend[row])
      svg += concat("<tspan class=\"chart-sign chart-", i % kColourCount, "\"",
                    i == l.legend[row][0] ? "" : " dx=\"14\"", ">", i < kColourCount ? "●" : "○",
                    "</tspan><tspan dx=\"5\">", escaped(chart.series[i].label), "</tspan>");
    svg += "</text>\n";
  }
  return svg;
}

// A line and, for scripts, its values.
std::string line_svg(const ChartSeries& series, size_t number, const Layout& l, bool with_values) {
  std::string path, xs, ys;
  bool drawing = false;
  for (const size_t i : thinned(series, l.scales.y, static_cast<size_t>(l.width))) {
    const double x = series.x[i], y = series.y[i];
    if (!l.scales.x.holds(x) || !l.scales.y.holds(y)) {
      drawing = false;
      continue;
    }
    path += concat(drawing ? "L" : "M", px(l.x(x)), " ", px(l.y(y)), drawing ? "" : "h0");
    xs += concat(xs.empty() ? "" : " ", x);
    ys += concat(ys.empty() ? "" : " ", y);
    drawing = true;
  }
  std::string svg =
      concat("<path class=\"chart-line chart-", number % kColourCount, "\" d=\"", path, "\"");
  if (number >= kColourCount) svg += " stroke-dasharray=\"5 4\"";
  if (with_values)
    svg += concat(" data-label=\"", escaped(series.label), "\" data-x=\"", xs, "\" data-y=\"", ys,
                  "\"");
  return svg + "/>\n";
}

std::string chart_svg(const Chart& chart, const Layout& layout, bool with_values) {
  std::string svg = axes_svg(chart, layout) + title_svg(chart, layout);
  for (size_t i = 0; i < chart.series.size(); ++i)
    svg += line_svg(chart.series[i], i, layout, with_values);
  return svg;
}

std::string scale_text(const Scale& scale) {
  return concat(scale.low, " ", scale.high, scale.log ? " log" : " linear");
}

std::string opening(double width, double height, const std::string& label) {
  return concat("<svg class=\"chart\" viewBox=\"0 0 ", width, " ", height,
                "\" role=\"img\" aria-label=\"", escaped(label), "\"");
}

}  // namespace

std::string chart_style() { return kChartStyle; }

std::string charts_svg(const std::vector<Chart>& charts) {
  std::string body;
  std::vector<std::string> titles;
  for (const Chart& chart : charts) {
    body += concat("<g transform=\"translate(0 ", kFileHeight * static_cast<double>(titles.size()),
                   ")\">\n", chart_svg(chart, layout_of(chart, kFileWidth, kFileHeight), false),
                   "</g>\n");
    titles.push_back(title_and_unit(chart));
  }
  const double height = kFileHeight * static_cast<double>(charts.size());
  return concat(opening(kFileWidth, height, join(titles, "; ")),
                " xmlns=\"http://www.w3.org/2000/svg\" width=\"", kFileWidth, "\" height=\"",
                height, "\">\n<style>", kChartStyle, "</style>\n",
                "<rect class=\"chart-page\" width=\"100%\" height=\"100%\"/>\n", body, "</svg>\n");
}

std::string chart_element(const Chart& chart) {
  const Layout l = layout_of(chart, kElementWidth, kElementHeight);
  return concat(opening(kElementWidth, kElementHeight, title_and_unit(chart)), " data-frame=\"",
                px(l.left), " ", px(l.top), " ", px(l.width), " ", px(l.height),
                "\" data-x-scale=\"", scale_text(l.scales.x), "\" data-y-scale=\"",
                scale_text(l.scales.y), "\" data-x-label=\"", escaped(chart.x_label), "\">\n",
                chart_svg(chart, l, true), "</svg>\n");
}

void check_chart_name(const std::string& flag, const std::filesystem::path& file) {
  const std::string ending = ending_of(file);
  if (ending != ".svg" && ending != ".png")
    throw Error(flag, " ", file.string(), ": expected a name ending in .svg or .png");
#if !DIFFUSE_RSVG
  if (ending == ".png")
    throw Error(flag, " ", file.string(), ": this build lacks librsvg, which draws charts as PNG; ",
                "use ", std::filesystem::path(file).replace_extension(".svg").string());
#endif
}

void write_charts(const std::filesystem::path& file, const std::vector<Chart>& charts) {
#if DIFFUSE_RSVG
  if (ending_of(file) == ".png") return write_png(file, draw_charts(charts));
#endif
  atomic_write(file, charts_svg(charts));
}

}  // namespace diffuse
