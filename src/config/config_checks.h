// Checks that the parts of a config are consistent. The model's constructor checks what depends on the
// shape of the data.
#pragma once

#include <string>

#include "diffuse/config/config.h"

namespace diffuse {

// Throws Error "NAME: /path: ..." for the first inconsistency.
void check_config(const Config& config, const std::string& name);

}  // namespace diffuse
