// What the exact networks know of a diffusion.
#pragma once

#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/model/network.h"

namespace diffuse {

// The noise levels of its process. The view keeps what it needs.
inline OracleView oracle_view(const GaussianDiffusion& diffusion) {
  return [diffusion](const at::Tensor& time) {
    const Levels levels = diffusion.process().levels(time);
    return OracleLevels{levels.a, levels.s};
  };
}

}  // namespace diffuse
