// Line charts and captions as images. No LibTorch here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/io/image_file.h"

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

// Pictures side by side on white, each below its caption.
Image draw_row(const std::vector<Image>& pictures, const std::vector<std::string>& captions);

}  // namespace diffuse
