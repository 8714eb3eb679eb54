// Parses lists of depths for flags.
#pragma once

#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// "750,500,250" -> diffusion steps, each 0 .. T; in continuous time "0.8,0.5" -> fractions of it; "" is the middle.
// Throws Error naming --depth.
std::vector<double> parse_depths(const std::string& text, const DiffusionConfig& diffusion);

}  // namespace diffuse
