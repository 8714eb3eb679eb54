// The grid of samples that a run draws now and then.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "diffuse/train/trainer.h"
#include "src/pictures/image_file.h"

namespace diffuse {

// In the data's units, on the CPU.
struct SampleGrid {
  at::Tensor x, conditions;  // [N K, ...], and [N, ...] as samples, or undefined
};

// config.sample.grid samples, drawn with the averaged weights by all ranks together; of a conditional model for
// the conditions and classes of held-out items, several for each. x is undefined if `stop` says that the run has
// to end, which is only checked if all ranks have a sample to draw and so check alike.
SampleGrid draw_sample_grid(Trainer& trainer, const Dataset& held_out,
                            const std::function<bool()>& stop);

Image picture_of(const SampleGrid& grid, const Config& config);

}  // namespace diffuse
