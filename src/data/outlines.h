// The outlines of the drawn shapes, each a signed distance.
#pragma once

#include <string>
#include <vector>

namespace diffuse {

struct Point {
  float x = 0;
  float y = 0;  // down
};

// In the order of the shapes' labels.
std::vector<std::string> outline_names();

// From p to the outline of a shape of radius 1 about (0, 0): negative inside.
float outline_distance(size_t label, Point p);

}  // namespace diffuse
