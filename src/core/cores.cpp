#include "src/core/cores.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

namespace fs = std::filesystem;

namespace diffuse {

static constexpr double kNoQuota = std::numeric_limits<double>::infinity();

static std::string text_in(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// "QUOTA PERIOD" in microseconds, with "max" or -1 for no quota.
static double parse_quota(const std::string& text) {
  std::istringstream in(text);
  double quota = 0, period = 0;
  return in >> quota >> period && quota > 0 && period > 0 ? quota / period : kNoQuota;
}

// The smallest quota of a group and its parents, up to `mount`.
static double quota_up_from(fs::path group, const fs::path& mount) {
  double least = kNoQuota;
  for (;; group = group.parent_path()) {
    least = std::min({least, parse_quota(text_in(group / "cpu.max")),
                      parse_quota(text_in(group / "cpu.cfs_quota_us") + " " +
                                  text_in(group / "cpu.cfs_period_us"))});
    if (group == mount || !group.has_relative_path()) return least;
  }
}

// Each line is "NUMBER:CONTROLLERS:/PATH", without controllers in version 2.
double cgroup_quota(const fs::path& root, std::string_view membership) {
  double least = kNoQuota;
  std::istringstream lines{std::string(membership)};
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool limits_cpu =
        controllers.empty() || ("," + controllers + ",").find(",cpu,") != std::string::npos;
    if (!limits_cpu) continue;
    const fs::path mount = controllers.empty() ? root : root / controllers;
    const fs::path relative = fs::path(line.substr(second + 1)).relative_path();
    // In a container the path may be the host's, which is not mounted there; the root is then its own group.
    const bool below = !relative.empty() && fs::exists(mount / relative);
    least = std::min(least, quota_up_from(below ? mount / relative : mount, mount));
  }
  return least;
}

static int affinity_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) return CPU_COUNT(&mask);
  return static_cast<int>(std::thread::hardware_concurrency());  // over 1,024 cores
}

int available_cores() {
  const double quota = cgroup_quota("/sys/fs/cgroup", text_in("/proc/self/cgroup"));
  return static_cast<int>(std::max(std::min<double>(affinity_cores(), quota), 1.0));
}

}  // namespace diffuse
