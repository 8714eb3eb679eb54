// Which checkpoints a training can be resumed from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// checkpoints/step-N.pt of a run folder by N, newest first.
std::map<int64_t, std::filesystem::path, std::greater<>> numbered_checkpoints(
    const std::filesystem::path& run_folder);

// The newest checkpoint of a run folder that can be resumed: model.pt, else the highest
// checkpoints/step-N.pt. Damaged files and those without training state are skipped with a warning. Empty if
// the folder has no checkpoint. Throws Error if all are skipped, or if one is of another version or has a
// config unknown to this program; std::runtime_error if the system cannot read one.
std::filesystem::path newest_checkpoint(const std::filesystem::path& run_folder);

// Throws Error naming the first field of the model or diffusion section that differs.
void check_same_model(const Config& wanted, const Checkpoint& checkpoint);

// "/train/batch_size 64 (was 512), ..." for settings other than those that a checkpoint was trained with; "" if
// there are none.
std::string changed_settings(const Config& wanted, const Checkpoint& checkpoint);

}  // namespace diffuse
