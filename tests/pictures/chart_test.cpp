#include "src/pictures/chart.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string_view>

#include "diffuse/core/error.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

Chart line(std::vector<double> x, std::vector<double> y) {
  return {.title = "title",
          .unit = "",
          .x_label = "step",
          .series = {{"", std::move(x), std::move(y)}}};
}

std::string attribute(const std::string& svg, const std::string& name, size_t from = 0) {
  const size_t begin = svg.find(" " + name + "=\"", from) + name.size() + 3;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

// Of a path, without its letters.
std::vector<double> numbers(std::string text) {
  for (char& c : text)
    if (std::string_view("MLHVh").find(c) != std::string_view::npos) c = ' ';
  std::istringstream in(text);
  std::vector<double> values;
  for (double value = 0; in >> value;) values.push_back(value);
  return values;
}

// The d of line `number`.
std::string path_of(const std::string& svg, size_t number = 0) {
  size_t at = svg.find("chart-line");
  for (size_t i = 0; i < number; ++i) at = svg.find("chart-line", at + 1);
  return attribute(svg, "d", at);
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Chart, PutsPointsWhereTheFrameSays) {
  const std::string svg = chart_element(line({0, 5, 10}, {0, 1, 0.5}));
  const auto frame = numbers(attribute(svg, "data-frame"));  // left, top, width, height
  ASSERT_EQ(frame.size(), 4U);
  EXPECT_EQ(attribute(svg, "data-x-scale"), "0 10 linear");
  EXPECT_EQ(attribute(svg, "data-y-scale"), "0 1 linear");
  const auto points = numbers(path_of(svg));  // x, y, a step of 0, x, y, x, y
  ASSERT_EQ(points.size(), 7U);
  const std::vector<double> expected{frame[0],
                                     frame[1] + frame[3],
                                     0,
                                     frame[0] + frame[2] / 2,
                                     frame[1],
                                     frame[0] + frame[2],
                                     frame[1] + frame[3] / 2};
  for (size_t i = 0; i < points.size(); ++i) EXPECT_NEAR(points[i], expected[i], 0.06) << i;
}

TEST(Chart, PutsDecadesOfALogAxisAtEqualDistances) {
  Chart chart = line({1, 10, 100}, {1e-6, 1e-4, 1e-2});
  chart.log_x = chart.log_y = true;
  const auto points = numbers(path_of(chart_element(chart)));
  ASSERT_EQ(points.size(), 7U);
  EXPECT_NEAR(points[3] - points[0], points[5] - points[3], 0.11);
  EXPECT_NEAR(points[4] - points[1], points[6] - points[4], 0.11);
}

TEST(Chart, SaysNumbersOfAnySizeShortly) {
  const std::string small = chart_element(line({0, 800000}, {0, 2e-5}));
  for (const char* const text : {">200k<", ">800k<", ">5·10⁻⁶<", ">2·10⁻⁵<", ">0<"})
    EXPECT_NE(small.find(text), std::string::npos) << text << "\n" << small;
  Chart chart = line({1, 2}, {0.06, 0.9});
  chart.log_y = true;
  const std::string log = chart_element(chart);
  for (const char* const text : {">0.05<", ">0.1<", ">0.2<", ">0.5<", ">1<"})
    EXPECT_NE(log.find(text), std::string::npos) << text;
  EXPECT_NE(chart_element(line({0, 1}, {-3, 3})).find(">−2<"), std::string::npos);
}

TEST(Chart, BreaksLinesWhereThereIsNoValue) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(count(path_of(chart_element(line({0, 1, 2, 3, 4}, {1, 2, nan, 3, 4}))), "M"), 2U);
  Chart chart = line({0, 1, 2, 3}, {1, 0, 2, -1});
  chart.log_y = true;
  EXPECT_EQ(count(path_of(chart_element(chart)), "M"), 2U);
}

// A line of 100,000 points has as many as its pixels show, and none of its peaks is lost.
TEST(Chart, ThinsLongLinesAndKeepsTheirPeaks) {
  Chart chart = line({}, {});
  for (int i = 0; i < 100'000; ++i) {
    chart.series[0].x.push_back(i);
    chart.series[0].y.push_back(i == 54'321 ? 1 : i == 12'345 ? -1 : 0.1 * std::sin(i));
  }
  const std::string svg = chart_element(chart);
  const auto frame = numbers(attribute(svg, "data-frame"));
  const auto xs = numbers(attribute(svg, "data-x", svg.find("chart-line")));
  EXPECT_LT(xs.size(), 5 * static_cast<size_t>(frame[2]));
  EXPECT_EQ(xs.front(), 0);
  EXPECT_EQ(xs.back(), 99'999);
  for (const double peak : {54'321.0, 12'345.0})
    EXPECT_NE(std::find(xs.begin(), xs.end(), peak), xs.end()) << peak;
}

TEST(Chart, ShowsNoValuesAndOneValue) {
  EXPECT_EQ(path_of(chart_element(line({}, {}))), "");
  EXPECT_EQ(numbers(path_of(chart_element(line({7}, {3})))).size(), 3U);
}

TEST(Chart, EscapesWhatTextsSay) {
  Chart chart = line({0, 1}, {0, 1});
  chart.title = "a<b & \"c\"";
  chart.series[0].label = "</svg>\x01";
  const std::string svg = charts_svg({chart});
  EXPECT_NE(svg.find("a&lt;b &amp; &quot;c&quot;"), std::string::npos);
  EXPECT_NE(svg.find("&lt;/svg>"), std::string::npos);
  EXPECT_EQ(svg.find('\x01'), std::string::npos);
  EXPECT_EQ(count(svg, "</svg>"), 1U);
}

TEST(Chart, TellsMoreLinesThanColoursApart) {
  Chart chart = line({0, 1}, {0, 1});
  chart.series.resize(7, chart.series[0]);
  for (size_t i = 0; i < 7; ++i) chart.series[i].label = concat("run ", i);
  const std::string svg = charts_svg({chart});
  EXPECT_EQ(count(svg, "stroke-dasharray"), 1U);
  EXPECT_EQ(count(svg, "○"), 1U);
  EXPECT_EQ(count(svg, "●"), 6U);
}

// Whether this build draws charts as PNG.
bool draws_png() {
  return message_of([] { check_chart_name("--plot", "x.png"); }).empty();
}

TEST(Chart, OfPixelsIsItsLightSvg) {
  if (!draws_png()) GTEST_SKIP() << "librsvg was not found";
  const TestFolder folder;
  write_charts(folder.path() / "a.png", {line({0, 1}, {0, 1}), line({0, 1}, {0, 1})});
  const Image png = read_image(folder.path() / "a.png");
  EXPECT_EQ(png.width, 1080);  // 720 x 280 a chart in an SVG
  EXPECT_EQ(png.height, 840);
  const auto pixels = [&](uint8_t red, uint8_t green, uint8_t blue) {
    int64_t n = 0;
    for (size_t i = 0; i + 2 < png.pixels.size(); i += 3)
      n += png.pixels[i] == red && png.pixels[i + 1] == green && png.pixels[i + 2] == blue;
    return n;
  };
  EXPECT_GT(pixels(255, 255, 255), 1080 * 840 * 3 / 4);  // the page
  EXPECT_GT(pixels(0x1f, 0x6f, 0xb4), 1000);             // the lines
  EXPECT_GT(pixels(0x55, 0x55, 0x55), 20);               // the text
}

TEST(WriteCharts, WritesWhatTheNameSays) {
  const TestFolder folder;
  const std::vector<Chart> charts(2, line({0, 1}, {0, 1}));
  write_charts(folder.path() / "a.SVG", charts);
  EXPECT_EQ(contents(folder.path() / "a.SVG").substr(0, 4), "<svg");
  EXPECT_EQ(message_of([] { check_chart_name("--plot", "x.jpg"); }),
            "--plot x.jpg: expected a name ending in .svg or .png");
}

}  // namespace
}  // namespace diffuse
