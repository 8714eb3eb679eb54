// Snapshots of averaged weights in a run's folder, ema/step-N.pt, and the weights of any width made from
// them.
//
//   format "diffuse", version 1, config, step, ema_0.05 and ema_0.1 {parameter name: tensor}
#pragma once

#include <filesystem>
#include <string>

#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// "ema_0.05": the section of a checkpoint or snapshot with the average of this width.
std::string snapshot_section(double width);

// The model of a run folder, or of a model.pt in one, at its last snapshot, with the average of `width` as its
// "ema". Throws Error naming --ema or the folder.
Checkpoint load_averaged(const std::filesystem::path& path, double width);

}  // namespace diffuse
