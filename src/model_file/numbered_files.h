// Files of a run that are named by the step at which they were saved.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>

namespace diffuse {

// step-N.pt in a folder by N, the newest first; none if there is no such folder.
std::map<int64_t, std::filesystem::path, std::greater<>> numbered_files(
    const std::filesystem::path& folder);

}  // namespace diffuse
