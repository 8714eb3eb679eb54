// The parts of a report's page, each the HTML of a section. A page shows only files in the run folders and
// follows no links in them, so that it can be shared safely.
#pragma once

#include <string>
#include <vector>

#include "src/train/run_metrics.h"

namespace diffuse {

// The whole page.
std::string report_page(const std::vector<RunMetrics>& runs);

// Each run's grids, the newest visible, then the pictures that `sample` wrote into its folder.
std::string report_samples(const std::vector<RunMetrics>& runs);

// Figures with their units, one column per run.
std::string report_summary(const std::vector<RunMetrics>& runs);

// For several runs, the keys that differ; then each config, with values other than the default marked.
std::string report_configs(const std::vector<RunMetrics>& runs);

}  // namespace diffuse
