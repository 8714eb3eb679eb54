// Whether the parts of a diffusion fit each other.
#pragma once

#include "diffuse/config/config.h"
#include "diffuse/diffusion/process.h"

namespace diffuse {

// Throws Error naming the JSON path where x_0 cannot be had at the last time: from epsilon where no
// signal is left.
void check_last_step(const DiffusionConfig& config, const Process& process);

// Throws Error naming the JSON path where the loss cannot train what the network is to give. Sampling
// asks nothing of the loss.
void check_trainable(const DiffusionConfig& config);

}  // namespace diffuse
