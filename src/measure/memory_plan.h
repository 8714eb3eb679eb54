// How much memory a training run will take, before it is started.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

// Bytes at the peak of an update with `rows` samples in each forward pass: on the CPU of the whole
// process, on a GPU of the tensors there. Gradients of one sample, of two and, on the CPU, where these
// tell too little, of up to 64 are computed: beyond that memory grows by as much a sample.
int64_t predict_memory(const Config& config, std::shared_ptr<const Dataset> data,
                       c10::Device device, int64_t rows);

}  // namespace diffuse
