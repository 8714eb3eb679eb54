// Where results go, checked by every command that writes before its first second of work.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace diffuse {

// What a flag names; an argument without a flag has "". No path, or "-" for stdout, is none.
struct NamedPath {
  std::string flag;
  std::filesystem::path path;
  bool folder = false;  // an output that is a folder of files
};

// Throws Error, naming the flag and a path to take instead, where an output is one of the inputs, a
// file that a run keeps in its folder or another output too, or where it cannot be written. Leaves
// nothing behind.
void check_outputs(const std::vector<NamedPath>& outputs,
                   const std::vector<NamedPath>& inputs = {});

// Whether a run has been in this folder.
bool holds_run(const std::filesystem::path& folder);

// Beside `path`, a name that is not taken: "a/x-2.png" for "a/x.png".
std::filesystem::path free_name(const std::filesystem::path& path);

}  // namespace diffuse
