// What the readers of other programs' files share.
#pragma once

#include <filesystem>

#include "src/model_file/model_files.h"

namespace diffuse {

// Levels that a UNet here may have.
inline constexpr int64_t kMaxLevels = 8;

// A checkpoint of a config and weights under our names. The config is checked as one from a file;
// a class embedding without a row for "no class" gets one of zeros.
Checkpoint foreign_checkpoint(const std::filesystem::path& file, const Config& config, int64_t step,
                              NamedTensors weights, const std::vector<std::string>& overrides = {});

// The tensors of the state dict that torch.save wrote: by itself, or one of those that training
// programs keep side by side. A leading "module." of the names is left out. Throws Error where there
// are more tensors, or longer names, than any network here has.
NamedTensors state_tensors(const std::filesystem::path& file, const Value& contents, bool use_ema);

}  // namespace diffuse
