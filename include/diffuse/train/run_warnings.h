// Values of a config that will not do in this run what their author hopes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// A line for each, with its JSON path. `held_out` counts the items that are kept from training.
std::vector<std::string> run_warnings(const Config& config, int64_t held_out);

}  // namespace diffuse
