// Results of a benchmark of samplers, for programs and for people.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "src/measure/sampler_error.h"
#include "src/pictures/chart.h"

namespace diffuse {

// `count` samples each, compared with samples of `reference` steps.
nlohmann::ordered_json json_of(const std::vector<SamplerError>& results, int64_t count,
                               int64_t reference);

// A table.
std::string text_of(const std::vector<SamplerError>& results, int64_t count);

// The fewest network calls with an error of at most `tolerance`.
std::string text_of_fewest(const std::vector<SamplerError>& results, double tolerance);

// Curves over the network calls, one for each sampler.
std::vector<Chart> charts_of(const std::vector<SamplerError>& results);

}  // namespace diffuse
