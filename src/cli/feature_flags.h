// The flags for a feature network and statistics of its features.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "src/eval/feature_extractor.h"
#include "src/eval/reference_statistics.h"

namespace diffuse::cli {

struct FeatureFlags {
  std::filesystem::path features, reference;
  ExtractorOptions extractor;

  void add_to(CLI::App& command, const std::string& group);

  // The network of --features; null without the flag.
  std::shared_ptr<const FeatureExtractor> open(c10::Device device) const;
};

}  // namespace diffuse::cli
