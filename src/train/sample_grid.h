// The grid of samples that a run draws now and then.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "diffuse/train/trainer.h"

namespace diffuse {

// config.sample.grid samples, drawn with the averaged weights by all ranks together; on the CPU, in the data's
// units. Undefined if `stop` says that the run has to end, which is only checked if all ranks have a sample to
// draw and so check alike.
at::Tensor draw_sample_grid(Trainer& trainer, const std::function<bool()>& stop);

}  // namespace diffuse
