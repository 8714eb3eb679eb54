// Runs the built program as a user would.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/test_folder.h"

namespace diffuse::testing_cli {

struct Outcome {
  int exit_code = -1;
  std::string out;  // stdout
  std::string err;  // stderr
};

// The program under test: $DIFFUSE_PROGRAM, else the release build's.
const char* program();

// arguments are passed as they are: no shell in between.
Outcome run_program(const std::vector<std::string>& arguments);

// The same with "@name" for a file in `folder`.
Outcome run_in(const std::filesystem::path& folder, std::vector<std::string> arguments);

// Bad use: exit code 2, one line on stderr that says `says`, and nothing on stdout.
void expect_refused(const Outcome& outcome, const std::string& says);

// A config that trains in a second: an Mlp on the swiss roll.
std::string small_points_config();

// A config that trains in a few seconds: a tiny UNet on drawn shapes.
std::string small_image_config();

}  // namespace diffuse::testing_cli
