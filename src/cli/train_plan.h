// The plan of a training run, for --dry-run.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "diffuse/data/dataset.h"
#include "diffuse/train/trainer.h"

namespace diffuse::cli {

// For --dry-run; memory in bytes.
void print_plan(Trainer& trainer, const Dataset& data, const Dataset& held_out, int64_t memory);

// Peak bytes during an update in one process. Call it before other networks exist: they would count.
int64_t predicted_memory(const Config& config, const std::shared_ptr<const Dataset>& data,
                         c10::Device device, const World& world);

}  // namespace diffuse::cli
