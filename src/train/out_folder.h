// Whether a folder may become a run's, and what a run there goes on from.
#pragma once

#include <filesystem>

#include "diffuse/config/config.h"
#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// Throws Error where `folder` cannot be written, is that of the pictures to train on or holds a
// config.json that is no run's; warns where it lies among those pictures. Leaves nothing behind.
void check_run_folder(const std::filesystem::path& folder, const DataConfig& data);

// Throws Error where it holds checkpoints.
void check_untrained(const std::filesystem::path& folder);

// The checkpoint, or the weights of another program, in a file or folder.
Checkpoint read_to_resume(const std::filesystem::path& file);

}  // namespace diffuse
