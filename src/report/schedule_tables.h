// The tables of a noise schedule, for programs and for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "src/files/csv.h"
#include "src/pictures/chart.h"

namespace diffuse {

// E[x_0^2] over the dimensions of a config's data, and L_T there.
struct DataPrior {
  double mean_square, bits_per_dim;
};

// Measured on the first thousand items; empty if the data are not on this machine.
std::optional<DataPrior> data_prior(Config config, const NoiseSchedule& schedule);

// All tables, one row per t.
std::vector<Column> schedule_columns(const NoiseSchedule& schedule);

// All rows and L_T.
nlohmann::ordered_json schedule_json(const std::string& name, const NoiseSchedule& schedule,
                                     const std::optional<DataPrior>& data);

// About twenty rows and L_T.
std::string schedule_text(const NoiseSchedule& schedule, const std::optional<DataPrior>& data);

std::vector<Chart> schedule_charts(const NoiseSchedule& schedule);

}  // namespace diffuse
