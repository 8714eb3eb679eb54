// Prediction of a training run's memory.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

// Peak memory in bytes of an update with `rows` samples in each forward pass: of the whole process on the
// CPU, of the tensors on a GPU. Computes gradients of one and two samples, and on the CPU of up to 64 if
// these are not enough, and extrapolates linearly.
int64_t predict_memory(const Config& config, std::shared_ptr<const Dataset> data,
                       c10::Device device, int64_t rows);

}  // namespace diffuse
