// The grid of samples that a run draws now and then.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "diffuse/train/trainer.h"

namespace diffuse {

// config.sample.grid samples, drawn by all ranks together with the averaged weights; on the CPU, in the
// data's units. Undefined where `stop` says that the run has to end, which all ranks must ask alike: not
// where some have no sample to draw.
at::Tensor draw_sample_grid(Trainer& trainer, const std::function<bool()>& stop);

}  // namespace diffuse
