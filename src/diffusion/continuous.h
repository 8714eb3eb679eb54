// Processes with continuous time.
#pragma once

#include "diffuse/diffusion/process.h"

namespace diffuse {

// vp, subvp, ve, edm and flow.
std::shared_ptr<const Process> make_continuous(const DiffusionConfig& config);

}  // namespace diffuse
