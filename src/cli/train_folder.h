// Whether a folder may become a run's.
#pragma once

#include <filesystem>

#include "diffuse/config/config.h"

namespace diffuse::cli {

// Throws Error where `folder` cannot be written, is that of the pictures to train on or holds a
// config.json that is no run's. Leaves nothing behind.
void check_run_folder(const std::filesystem::path& folder, const DataConfig& data);

// Throws Error where it holds checkpoints.
void check_untrained(const std::filesystem::path& folder);

}  // namespace diffuse::cli
