// Samples drawn by all processes of a run, an equal share each.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "diffuse/distributed/world.h"
#include "diffuse/model_file/model.h"

namespace diffuse {

// The samples of `keys` [B, ...], on the CPU, in the data's units: the same in every process, for any number
// of processes. `options` has the labels and starts of all of them.
at::Tensor generate_together(World& world, const Model& model, std::span<const StreamKey> keys,
                             GenerateOptions options, const StepCallback& on_step = {});

}  // namespace diffuse
