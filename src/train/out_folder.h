// Checks of the folder of a new run, and the checkpoint that a run resumes from.
#pragma once

#include <filesystem>

#include "diffuse/config/config.h"
#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// Throws Error if `folder` cannot be written, is the folder of the training pictures, or holds a config.json
// that is not from a run; warns if it is inside the folder of those pictures. Leaves nothing behind.
void check_run_folder(const std::filesystem::path& folder, const DataConfig& data);

// Throws Error if it holds checkpoints.
void check_untrained(const std::filesystem::path& folder);

// Reads the checkpoint, or another program's weights, in a file or folder.
Checkpoint read_to_resume(const std::filesystem::path& file);

}  // namespace diffuse
