// What is said of a training run before it begins.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "diffuse/data/dataset.h"
#include "diffuse/train/trainer.h"

namespace diffuse::cli {

// For --dry-run; memory in bytes.
void print_plan(Trainer& trainer, const Dataset& data, const Dataset& held_out, int64_t memory);

// Bytes at the peak of an update of one process, before any other network is there to be counted with it.
int64_t predicted_memory(const Config& config, const std::shared_ptr<const Dataset>& data,
                         c10::Device device, const World& world);

}  // namespace diffuse::cli
