// Line charts and captions as images. No LibTorch here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

struct PlotSeries {
  std::string label;         // in the legend; "" = not there
  std::vector<double> x, y;  // points with a value that is not finite break the line
};

struct PlotPanel {
  std::string title, x_label;
  std::vector<PlotSeries> series;
  bool log_y = false;  // values <= 0 break the line
};

// One panel above the other. Text is ASCII; other characters show as boxes.
Image draw_plot(const std::vector<PlotPanel>& panels, int64_t width = 900,
                int64_t panel_height = 300);

// Pictures in rows on white, with a caption left of each row and above each column; a list of
// captions may be empty.
Image draw_table(const std::vector<std::vector<Image>>& rows,
                 const std::vector<std::string>& row_captions,
                 const std::vector<std::string>& column_captions);

// One row of it: pictures side by side, each below its caption.
Image draw_row(const std::vector<Image>& pictures, const std::vector<std::string>& captions);

}  // namespace diffuse
