// A checkpoint's contents as JSON, for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// Sizes, classes, digests of the weights, and config; optionally the shape of each tensor.
nlohmann::ordered_json describe(const Checkpoint& checkpoint, bool with_tensors);

}  // namespace diffuse
