// Config values that have no effect, or a surprising one, in this run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

// A line for each, with its JSON path. `held_out` counts the items that are kept from training.
std::vector<std::string> run_warnings(const Config& config, int64_t held_out);

}  // namespace diffuse
