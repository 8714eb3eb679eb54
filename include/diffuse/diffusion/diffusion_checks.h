// Checks that the parts of a diffusion fit each other.
#pragma once

#include "diffuse/config/config.h"
#include "diffuse/diffusion/process.h"

namespace diffuse {

// Throws Error naming the JSON path if x_0 is undefined at the last time: from epsilon if no signal is left.
void check_last_step(const DiffusionConfig& config, const Process& process);

// Throws Error naming the JSON path if the loss cannot train the network's output. Sampling does not use the
// loss.
void check_trainable(const DiffusionConfig& config);

}  // namespace diffuse
