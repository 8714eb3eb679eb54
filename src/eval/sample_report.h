// Results of a comparison of samples and data, for programs and for people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "src/eval/feature_extractor.h"
#include "src/eval/reference_statistics.h"
#include "src/eval/sample_metrics.h"

namespace diffuse {

// Adds one entry per figure, and `moments`.
void write_json(const SampleMetrics& metrics, const SampleMetricsOptions& options,
                nlohmann::ordered_json& json);

// Adds one line per figure.
void write_text(const SampleMetrics& metrics, std::string& text);

// What the figures depend on besides the model, the data and the sampler.
struct FeatureSource {
  const FeatureExtractor* extractor = nullptr;
  std::filesystem::path reference_file{};
  std::optional<ReferenceStatistics> reference{};
};

// Adds to `provenance`, which has "sampling" already, and a line for each part to `text`.
void write_provenance(const FeatureSource& source, nlohmann::ordered_json& provenance,
                      std::string& text);

// Below this many samples, figures of features cannot be compared with published ones.
constexpr int64_t kUsualCount = 10'000;

// Warns of fewer samples than that.
void warn_of_count(int64_t samples);

}  // namespace diffuse
