// Warnings of config values with no effect, or an unexpected one, in a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/noise_schedule.h"

namespace diffuse {

class Trainer;

// One line for each, with its JSON path. `held_out`: the number of held-out items.
std::vector<std::string> run_warnings(const Config& config, int64_t held_out);

// Logs a warning if x_T keeps more than 1e-3 bits per dimension of x_0 at E[x_0^2] = 1.
void warn_of_prior(const NoiseSchedule& schedule);

// Logs warnings of config values that are probably mistakes, and how many parameters are frozen, if some are.
void warn_of_run(Trainer& trainer, const Dataset& held_out);

// Logs "classes 2: cat 95, dog 96", for the training items. A conditional model learns nothing about a class
// without items: `warns` logs such classes.
void log_classes(const Dataset& data, bool warns);

}  // namespace diffuse
