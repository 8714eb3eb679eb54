// Shared by the readers of other programs' files.
#pragma once

#include <filesystem>

#include "src/model_file/model_files.h"

namespace diffuse {

// The maximum number of levels of our UNet.
inline constexpr int64_t kMaxLevels = 8;

// A checkpoint from a config and weights with our names. The config is checked like one from a file; a class
// embedding without a row for "no class" gets one of zeros.
Checkpoint foreign_checkpoint(const std::filesystem::path& file, const Config& config, int64_t step,
                              NamedTensors weights, const std::string& kind);

// The tensors of a state dict saved by torch.save: the file itself, or one of several that training programs
// save together. A leading "module." of the names is dropped. Throws Error for more tensors or longer names
// than any network here has.
NamedTensors state_tensors(const std::filesystem::path& file, const Value& contents, bool use_ema);

// The kind of weights that state_tensors() takes.
std::string state_kind(const Value& contents, bool use_ema);

// Throws Error: the raw weights are wanted of a file without them.
[[noreturn]] void refuse_averages_alone(const std::filesystem::path& file);

}  // namespace diffuse
