// The checkpoints from which training can resume.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>

#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// checkpoints/step-N.pt of a run folder by N, newest first.
std::map<int64_t, std::filesystem::path, std::greater<>> numbered_checkpoints(
    const std::filesystem::path& run_folder);

// The newest checkpoint of a run folder from which training can resume: model.pt, else the highest
// checkpoints/step-N.pt. Files that are damaged or have no training state are skipped with a warning. Empty
// if the folder has no checkpoint. Throws Error if all were skipped, or if one is from another version or
// has an unknown config; std::runtime_error if the system cannot read one.
std::filesystem::path newest_checkpoint(const std::filesystem::path& run_folder);

// Throws Error naming the first field of the model or diffusion section that differs.
void check_same_model(const Config& wanted, const Checkpoint& checkpoint);

}  // namespace diffuse
