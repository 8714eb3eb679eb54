// Autoguidance: a worse model of the same kind, from which samples move away.      [Karras24b]
#pragma once

#include <filesystem>
#include <memory>

#include "diffuse/model_file/model.h"

namespace diffuse {

// The network of `path`, on the device of `model`. Throws Error naming --guide and the first difference unless
// the two have the same shape, units and diffusion, and the guide has the same classes and condition or none.
std::shared_ptr<Network> load_guide(const std::filesystem::path& path, const Model& model);

}  // namespace diffuse
