// Runs the built program as a user would.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

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

// A fresh empty folder, removed at the end of the test program.
std::filesystem::path scratch(const std::string& name);

void write_text(const std::filesystem::path& file, const std::string& text);

// A config that trains in a second: an Mlp on the swiss roll.
std::string small_points_config();

// A config that trains in a few seconds: a tiny UNet on drawn shapes.
std::string small_image_config();

}  // namespace diffuse::testing_cli
