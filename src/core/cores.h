// How many cores of the machine are this process's.
#pragma once

#include <filesystem>
#include <string_view>

namespace diffuse {

// Those of its affinity mask, or as many as its cgroups' quota of processor time is worth, rounded down,
// where that is less; at least 1.
int available_cores();

// The quota in cores of the cgroups that `membership`, the text of /proc/self/cgroup, names below
// `root`, where the cgroups are mounted: the smallest on the way up. Infinity where there is none.
double cgroup_quota(const std::filesystem::path& root, std::string_view membership);

}  // namespace diffuse
