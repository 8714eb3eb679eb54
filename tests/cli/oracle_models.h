// Analytic models of each kind of sample for tests of the editing commands: nothing is trained.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/run_program.h"

namespace diffuse::testing_cli {

// A folder of one's own with image.json (1 x 8 x 8), colour.json (3 x 8 x 8), signals.json (1 x 64) and
// points.json (2).
std::filesystem::path oracle_folder(const std::string& name);

}  // namespace diffuse::testing_cli
