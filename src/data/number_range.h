// The range of a set's numbers.
#pragma once

#include "diffuse/data/dataset.h"

namespace diffuse {

struct NumberRange {
  double least = 0, most = 0;

  // With a margin for rounding.
  bool within_unit() const { return least >= -1.001 && most <= 1.001; }
};

NumberRange range_of(const Dataset& set);

// Throws Error, with the setting to change, if `clip_x0` is set and images of an array exceed [-1, 1].
// Logs if unscaled numbers are much larger than the noise, or much smaller.
void check_scale(const DataConfig& config, const Dataset& set, bool clip_x0);

}  // namespace diffuse
