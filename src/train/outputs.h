// Checks of output paths, for every command that writes, before it starts work.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace diffuse {

// The path given by a flag ("" for an argument without a flag). An empty path, or "-" for stdout, is ignored.
struct NamedPath {
  std::string flag;
  std::filesystem::path path;
  bool folder = false;  // an output that is a folder of files
};

// Throws Error, naming the flag and a free path, if an output is an input, a file of a run or another output,
// or cannot be written. Leaves nothing behind.
void check_outputs(const std::vector<NamedPath>& outputs,
                   const std::vector<NamedPath>& inputs = {});

// Whether this folder is or was a run folder.
bool holds_run(const std::filesystem::path& folder);

// A free name beside `path`: "a/x-2.png" for "a/x.png".
std::filesystem::path free_name(const std::filesystem::path& path);

}  // namespace diffuse
