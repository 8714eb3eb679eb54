// Do the parts of a config fit each other? What depends on the shape of the data is checked where
// the model is built.
#pragma once

#include <string>

#include "diffuse/config/config.h"

namespace diffuse {

// Throws Error "NAME: /path: ..." for the first misfit.
void check_config(const Config& config, const std::string& name);

}  // namespace diffuse
