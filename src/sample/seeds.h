// Parses lists of seeds for flags.
#pragma once

#include <string>
#include <vector>

#include "diffuse/core/random_tensor.h"

namespace diffuse {

// "0-63", "1,5,9" or a mix: the first sample of each seed. Throws Error naming --seeds.
std::vector<StreamKey> parse_seeds(const std::string& text);

}  // namespace diffuse
