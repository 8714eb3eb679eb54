// The launcher for NVIDIA's cards.
#pragma once

#include "kernel_launcher.h"

namespace diffuse::cuda {

// The process's launcher: compiles by NVRTC, keeps the machine code in the CubinCache of cache_folder(), and
// launches through the driver.
KernelLauncher& nvrtc_launcher();

}  // namespace diffuse::cuda
