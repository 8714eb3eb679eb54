// Prediction of a training run's memory.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

// Peak memory in bytes of an update with `rows` samples in each forward pass: of the whole process on the
// CPU, of the tensors on a GPU. Computes gradients of one and two samples, and on the CPU of up to 64 if
// these are not enough, and extrapolates linearly.
int64_t predict_memory(const Config& config, std::shared_ptr<const Dataset> data,
                       c10::Device device, int64_t rows);

// Bytes of the tensors that a training keeps from update to update: weights, averages and the optimiser's
// moments, in float32. `flat`, if they lie in one buffer each: also gradients, and copies of the weights of
// `low` bytes a number, which otherwise live only as long as an update.
int64_t kept_memory(const TrainConfig& train, const std::vector<at::Tensor>& parameters, bool flat,
                    int64_t low);

}  // namespace diffuse
