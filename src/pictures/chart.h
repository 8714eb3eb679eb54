// Line charts: SVG with real text, light and dark as the reader's browser is set, and PNG of it, light, where
// librsvg was found at build time. No LibTorch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

struct ChartSeries {
  std::string label;         // in the legend; "" = not there
  std::vector<double> x, y;  // points with a value that is not finite break the line
};

// Text is UTF-8.
struct Chart {
  std::string title, unit;  // of the values; "" = none
  std::string x_label;
  std::vector<ChartSeries> series;
  bool log_x = false, log_y = false;  // on such an axis values <= 0 break the line
};

// A file's text: one chart above the other.
std::string charts_svg(const std::vector<Chart>& charts);

// One chart as an element of an HTML page that holds chart_style() once. Each line carries its values as
// data-x and data-y and the frame its scales, for a script that reads them off; lines of very many points
// are thinned to what the chart's width shows.
std::string chart_element(const Chart& chart);
std::string chart_style();

// The same charts in pixels, by librsvg.
Image draw_charts(const std::vector<Chart>& charts);

// Throws Error, beginning with `flag`, if a name does not end in .svg or .png, or in a .png that this build cannot
// draw.
void check_chart_name(const std::string& flag, const std::filesystem::path& file);

// Writes charts atomically, as check_chart_name() demands.
void write_charts(const std::filesystem::path& file, const std::vector<Chart>& charts);

}  // namespace diffuse
