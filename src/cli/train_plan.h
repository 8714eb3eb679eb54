// What is said of a training run before it begins.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "diffuse/data/dataset.h"
#include "diffuse/train/trainer.h"

namespace diffuse::cli {

// Config values that the one who starts the run may not have meant.
void warn_of_run(Trainer& trainer, const Dataset& held_out);

// For --dry-run; memory in bytes.
void print_plan(Trainer& trainer, const Dataset& data, const Dataset& held_out, int64_t memory);

// "classes 2: cat 95, dog 96", of the training items. A model that is told the class learns nothing of
// one without items: where it `warns` of them, they are named.
void log_classes(const Dataset& data, bool warns);

// Bytes at the peak of an update of one process, before any other network is there to be counted with it.
int64_t predicted_memory(const Config& config, const std::shared_ptr<const Dataset>& data,
                         c10::Device device, const World& world);

}  // namespace diffuse::cli
