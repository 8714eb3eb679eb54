// Models whose network is exact.
#pragma once

#include <memory>
#include <string>

#include "diffuse/model_file/model.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"

namespace diffuse {

// The model of a config on the CPU, with the network for data N(0, variance).
inline Model oracle_model(const Config& config, double variance = 1,
                          const std::string& name = "model") {
  return {
      name, config,
      std::make_shared<GaussianOracle>(variance, oracle_view(GaussianDiffusion(config.diffusion))),
      c10::kCPU};
}

}  // namespace diffuse
