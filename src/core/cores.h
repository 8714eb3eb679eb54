// The number of cores available to this process.
#pragma once

#include <filesystem>
#include <string_view>

namespace diffuse {

// The cores of its affinity mask, limited by its cgroups' CPU quota, rounded down; at least 1.
int available_cores();

// The CPU quota, in cores, of the cgroups in `membership` (the text of /proc/self/cgroup), mounted at `root`:
// the smallest of each group and its parents. Infinity for none.
double cgroup_quota(const std::filesystem::path& root, std::string_view membership);

}  // namespace diffuse
