// How much memory a training run will take, before it is started.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

// Bytes at the peak of an update with `rows` samples in each forward pass: on the CPU of the whole
// process, on a GPU of the tensors there. One update of two samples is made, and the bytes that the
// gradients of one and of two come and go with are counted: beyond that they grow by as much a sample.
int64_t predict_memory(const Config& config, std::shared_ptr<const Dataset> data,
                       c10::Device device, int64_t rows);

}  // namespace diffuse
