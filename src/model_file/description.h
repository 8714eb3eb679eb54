// What a checkpoint holds, for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// Sizes, classes, the digest of its weights and its config; of every tensor the shape where wanted.
nlohmann::ordered_json describe(const Checkpoint& checkpoint, bool with_tensors);

}  // namespace diffuse
