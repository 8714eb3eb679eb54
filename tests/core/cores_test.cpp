#include "src/core/cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cmath>
#include <fstream>

#include "tests/test_folder.h"

namespace diffuse {

namespace fs = std::filesystem;

static void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

// The files as Linux's Documentation/admin-guide/cgroup-v2.rst describes them.
TEST(Cores, TakesTheSmallestQuotaOnTheWayUpOfCgroups2) {
  const TestFolder folder;
  write(folder.path() / "a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_quota(folder.path(), "0::/a/b\n"), INFINITY);
  write(folder.path() / "a/cpu.max", "250000 100000\n");
  EXPECT_EQ(cgroup_quota(folder.path(), "0::/a/b\n"), 2.5);
  write(folder.path() / "a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroup_quota(folder.path(), "0::/a/b\n"), 0.5);
  EXPECT_EQ(cgroup_quota(folder.path(), "0::/a\n"), 2.5);
}

TEST(Cores, FindsAContainersQuotaAtTheRoot) {
  const TestFolder folder;
  write(folder.path() / "cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_quota(folder.path(), "0::/\n"), 3);
  EXPECT_EQ(cgroup_quota(folder.path(), "0::/kubepods/pod7/of/the/machine\n"), 3);
}

TEST(Cores, ReadsTheQuotaOfCgroups1) {
  const TestFolder folder;
  const fs::path group = folder.path() / "cpu,cpuacct/slurm/job_7";
  write(group / "cpu.cfs_quota_us", "-1\n");
  write(group / "cpu.cfs_period_us", "100000\n");
  const std::string membership = "5:memory:/x\n4:cpu,cpuacct:/slurm/job_7\n1:name=systemd:/\n";
  EXPECT_EQ(cgroup_quota(folder.path(), membership), INFINITY);
  write(group / "cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(cgroup_quota(folder.path(), membership), 4);
}

TEST(Cores, AreThoseOfTheAffinityMask) {
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core)
    if (CPU_ISSET(core, &all)) CPU_SET(core, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
}

}  // namespace diffuse
