// Results of a comparison of samples and data, for programs and for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "src/eval/sample_metrics.h"

namespace diffuse {

// Adds one entry per figure, and `moments`.
void write_json(const SampleMetrics& metrics, const SampleMetricsOptions& options,
                nlohmann::ordered_json& json);

// Adds one line per figure.
void write_text(const SampleMetrics& metrics, std::string& text);

}  // namespace diffuse
