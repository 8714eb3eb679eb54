// The axes of charts: from values to a share of the axis' length, with ticks at round numbers.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "src/pictures/chart.h"

namespace diffuse {

struct Scale {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool log = false;
  std::vector<double> ticks{};

  bool holds(double value) const;    // whether it has a place on the axis
  double share(double value) const;  // 0 at `low`, 1 at `high`
  void include(double value);

  // Once all values are included: chooses ticks; `widen` moves the ends to whole ticks.
  void settle(bool widen);
};

// The scales of a chart's values, settled.
struct Scales {
  Scale x, y;
};
Scales scales_of(const Chart& chart);

// "0.05", "20k", "2·10⁻⁵".
std::string tick_text(double value);

// A chart's titles as a screen reader has them: "title, unit".
std::string title_and_unit(const Chart& chart);

}  // namespace diffuse
