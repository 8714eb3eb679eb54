// The validation loss, on held-out data.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>

#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/distributed/world.h"
#include "diffuse/model/network.h"

namespace diffuse {

// Mean squared error of the predicted epsilon per dimension, t uniform; with a mask as condition over the unknown
// dimensions.
struct HeldOutLoss {
  double mean = 0;
  double standard_error = 0;
  std::array<double, 4> by_quarter{};  // of t, from low noise to high; NaN if none was drawn
  int64_t samples = 0;
};

struct HeldOutOptions {
  int64_t samples = 1024;  // items, evenly spaced over the set; at most all
  int64_t batch = 128;
  bool labels = false;          // give the network the items' classes
  ConditionConfig condition{};  // and their conditions, without added noise
  c10::Device device = c10::kCPU;
  c10::ScalarType precision = c10::kFloat;
};

// Uses the same items, timesteps and noise in every call, so values are comparable across steps and runs.
// The processes share the work.
HeldOutLoss held_out_loss(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                          const HeldOutOptions& options, World& world);

}  // namespace diffuse
