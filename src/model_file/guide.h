// Autoguidance: a worse model of the same kind, which samples are led away from.   [Karras24b]
#pragma once

#include <filesystem>
#include <memory>

#include "diffuse/model_file/model.h"

namespace diffuse {

// The network of `path`, on the device of `model`. Throws Error naming --guide and the first difference
// where the two do not have the same shape, classes (or none), units and formulation.
std::shared_ptr<Network> load_guide(const std::filesystem::path& path, const Model& model);

}  // namespace diffuse
