// How far the numbers of a set reach.
#pragma once

#include "diffuse/data/dataset.h"

namespace diffuse {

struct NumberRange {
  double least = 0, most = 0;

  // Up to what rounding adds.
  bool within_unit() const { return least >= -1.001 && most <= 1.001; }
};

NumberRange range_of(const Dataset& set);

// Throws Error, which says what to set, where images of an array go beyond the [-1, 1] that `clip_x0`
// keeps their samples to. Says where numbers that are taken as they are dwarf the noise, and where it
// hides them.
void check_scale(const DataConfig& config, const Dataset& set, bool clip_x0);

}  // namespace diffuse
