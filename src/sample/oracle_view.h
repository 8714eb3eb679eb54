// The oracles' view of a diffusion.
#pragma once

#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/model/network.h"

namespace diffuse {

// The view may outlive `diffusion`.
inline OracleView oracle_view(const GaussianDiffusion& diffusion) {
  return [diffusion](const at::Tensor& time) {
    const auto view = diffusion.view(time);
    return OracleLevels{view.at.a, view.at.s, view.p, view.q, view.c_in};
  };
}

}  // namespace diffuse
