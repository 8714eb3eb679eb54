// Samples drawn by all processes of a run, each its share.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "diffuse/distributed/world.h"
#include "diffuse/model_file/model.h"

namespace diffuse {

// The samples of `keys` [B, ...], on the CPU, in the units of the data: the same in every process, and
// whatever their number. `options` holds the labels and starts of all of them.
at::Tensor generate_together(World& world, const Model& model, std::span<const StreamKey> keys,
                             GenerateOptions options, const StepCallback& on_step = {});

}  // namespace diffuse
