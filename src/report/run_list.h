// The runs below some folders, one line each.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "src/train/run_metrics.h"

namespace diffuse {

// A run folder that cannot be read, and why.
struct BrokenRun {
  std::filesystem::path folder;
  std::string reason;
};

struct RunList {
  std::vector<RunMetrics> whole;
  std::vector<BrokenRun> broken;
};

// The run folders among `places`, and directly below the other folders. Throws Error naming a place that is
// not a folder.
RunList find_runs(const std::vector<std::filesystem::path>& places);

nlohmann::ordered_json json_of(const RunList& runs);
std::string text_of(const RunList& runs);  // a table

}  // namespace diffuse
