// Where a converted model may be written.
#pragma once

#include <filesystem>

namespace diffuse {

// Throws Error if `out`, a name ending in .pt for a checkpoint, else a folder for diffusers' files, would
// replace anything but an earlier model under that name, or is read as the model `in`.
void check_model_output(const std::filesystem::path& in, const std::filesystem::path& out);

}  // namespace diffuse
