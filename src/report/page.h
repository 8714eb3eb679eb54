// The parts of a report's page, each the HTML of a section. What a page shows is of the run folders
// alone, and no link in them is followed: it is made to be passed on.
#pragma once

#include <string>
#include <vector>

#include "src/train/run_metrics.h"

namespace diffuse {

// The whole page.
std::string report_page(const std::vector<RunMetrics>& runs);

// Each run's grids, the newest in sight, then what `sample` left in its folder.
std::string report_samples(const std::vector<RunMetrics>& runs);

// Figures with their units, a column for each run.
std::string report_summary(const std::vector<RunMetrics>& runs);

// Of several runs, the keys in which their configs differ; then each config, what is not a default marked.
std::string report_configs(const std::vector<RunMetrics>& runs);

}  // namespace diffuse
