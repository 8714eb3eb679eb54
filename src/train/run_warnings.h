// Config values that have no effect, or a surprising one, in this run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/noise_schedule.h"

namespace diffuse {

class Trainer;

// A line for each, with its JSON path. `held_out` counts the items that are kept from training.
std::vector<std::string> run_warnings(const Config& config, int64_t held_out);

// Logs a warning where x_T keeps more than 1e-3 bits per dimension of x_0 at E[x_0^2] = 1.
void warn_of_prior(const NoiseSchedule& schedule);

// Config values that the one who starts the run may not have meant.
void warn_of_run(const Trainer& trainer, const Dataset& held_out);

// "classes 2: cat 95, dog 96", of the training items. A model that is told the class learns nothing of
// one without items: where it `warns` of them, they are named.
void log_classes(const Dataset& data, bool warns);

}  // namespace diffuse
