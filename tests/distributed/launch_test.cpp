#include "diffuse/distributed/launch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "diffuse/core/error.h"
#include "tests/message_of.h"

namespace diffuse {

// Sets variables for the length of a test.
class Variables {
 public:
  explicit Variables(std::map<std::string, std::string> values) : values_(std::move(values)) {
    for (const auto& [name, value] : values_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() {
    for (const auto& [name, value] : values_) unsetenv(name.c_str());
  }

 private:
  std::map<std::string, std::string> values_;
};

TEST(Launch, IsOneProcessWithoutALauncher) {
  const Launch launch = launch_from_environment();
  EXPECT_EQ(launch.rank, 0);
  EXPECT_EQ(launch.size, 1);
}

TEST(Launch, ReadsTorchrun) {
  const Variables variables({{"RANK", "5"},
                             {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},
                             {"LOCAL_WORLD_SIZE", "4"},
                             {"MASTER_ADDR", "node7"},
                             {"MASTER_PORT", "29501"},
                             {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  const Launch launch = launch_from_environment();
  EXPECT_EQ(launch.rank, 5);
  EXPECT_EQ(launch.size, 8);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 4);
  EXPECT_EQ(launch.host, "node7");
  EXPECT_EQ(launch.port, 29501);
  EXPECT_TRUE(launch.store_is_up);
}

TEST(Launch, ReadsSlurmAndFindsRankZeroOnTheFirstNode) {
  const Variables variables({{"SLURM_PROCID", "3"},
                             {"SLURM_NTASKS", "4"},
                             {"SLURM_LOCALID", "1"},
                             {"SLURM_JOB_ID", "77"},
                             {"SLURM_JOB_NODELIST", "gpu[03-04]"}});
  const Launch launch = launch_from_environment();
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.size, 4);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.host, "gpu03");
  EXPECT_EQ(launch.advice, "SLURM says 4 tasks: start with srun or unset SLURM_NTASKS");
  EXPECT_GE(launch.port, 20000);
  EXPECT_FALSE(launch.store_is_up);
  EXPECT_TRUE(launch.by_hand);
}

// The variables that srun of SLURM 22.05 sets in task 3 of 5 on two nodes.
TEST(Launch, ReadsSlurmsTasksAndCoresOfANode) {
  std::map<std::string, std::string> values{{"SLURM_PROCID", "3"},
                                            {"SLURM_NTASKS", "5"},
                                            {"SLURM_LOCALID", "0"},
                                            {"SLURM_NODEID", "1"},
                                            {"SLURM_JOB_NODELIST", "n[1-2]"},
                                            {"SLURM_TASKS_PER_NODE", "3,2"},
                                            {"SLURM_CPUS_ON_NODE", "16"}};
  const auto launch = [&] {
    const Variables variables(values);
    return launch_from_environment();
  };
  EXPECT_EQ(launch().local_size, 2);
  EXPECT_EQ(launch().cores, 8);
  values["SLURM_CPUS_PER_TASK"] = "6";
  EXPECT_EQ(launch().cores, 6);
  values["SLURM_STEP_TASKS_PER_NODE"] = "4,1";
  EXPECT_EQ(launch().local_size, 1);
  values["SLURM_LOCALID"] = "7";  // set by hand, as it is not possible: tells nothing
  EXPECT_EQ(launch().local_size, 0);
}

TEST(Launch, SharesTheCores) {
  EXPECT_EQ(core_share({}, 16), 16);
  EXPECT_EQ(core_share({.size = 8, .local_size = 4}, 16), 4);
  EXPECT_EQ(core_share({.size = 8, .local_size = 4, .cores = 6}, 16), 6);
  EXPECT_EQ(core_share({.size = 8, .local_size = 4, .cores = 6}, 2), 2);  // bound by srun
  EXPECT_EQ(core_share({.size = 8, .local_size = 8}, 2), 1);
}

TEST(Launch, CountsTheTasksOfANode) {
  EXPECT_EQ(tasks_on_node("4", 0), 4);
  EXPECT_EQ(tasks_on_node("2(x3),1", 0), 2);
  EXPECT_EQ(tasks_on_node("2(x3),1", 2), 2);
  EXPECT_EQ(tasks_on_node("2(x3),1", 3), 1);
  EXPECT_EQ(tasks_on_node("2(x3),1", 4), 0);
  EXPECT_EQ(tasks_on_node("", 0), 0);
  EXPECT_EQ(tasks_on_node("x(x", 0), 0);
}

TEST(Launch, KnowsTheStepsOfSrunFromShells) {
  const auto by_hand = [](const std::string& step) {
    const Variables variables({{"SLURM_PROCID", "0"},
                               {"SLURM_NTASKS", "2"},
                               {"SLURM_LOCALID", "0"},
                               {"SLURM_JOB_NODELIST", "a"},
                               {"SLURM_STEP_ID", step}});
    return launch_from_environment().by_hand;
  };
  EXPECT_FALSE(by_hand("0"));
  EXPECT_FALSE(by_hand("12"));
  EXPECT_TRUE(by_hand("4294967290"));  // salloc's interactive step
  EXPECT_TRUE(by_hand("4294967291"));  // sbatch's script
}

TEST(Launch, IsAloneWhereNoOtherCanCome) {
  const auto note = [](std::map<std::string, std::string> variables) {
    const Variables set(std::move(variables));
    const Launch launch = launch_from_environment();
    EXPECT_EQ(launch.size, 1);
    return launch.note;
  };
  EXPECT_EQ(note({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_STEP_NUM_TASKS", "1"}}),
            "SLURM says 4 tasks, but 1 in this step (srun starts all): this process runs alone");
  EXPECT_EQ(note({{"WORLD_SIZE", "4"}}),
            "WORLD_SIZE says 4 processes, but RANK is not set: this process runs alone");
  EXPECT_EQ(note({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}}),
            "PMI_SIZE says 2 processes, but RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are not "
            "set: this process runs alone");
  EXPECT_EQ(note({{"RANK", ""}, {"WORLD_SIZE", ""}}), "");
  EXPECT_EQ(note({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}}), "");
  EXPECT_EQ(note({{"PMI_SIZE", "1"}, {"PMI_RANK", "0"}}), "");
}

TEST(Launch, ReadsOpenMpiOnOneMachine) {
  const Variables variables({{"OMPI_COMM_WORLD_RANK", "1"},
                             {"OMPI_COMM_WORLD_SIZE", "2"},
                             {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                             {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  const Launch launch = launch_from_environment();
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.host, "127.0.0.1");
}

TEST(Launch, AsksForTheHostOfRankZeroOverSeveralMachines) {
  const Variables variables({{"OMPI_COMM_WORLD_RANK", "1"},
                             {"OMPI_COMM_WORLD_SIZE", "8"},
                             {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                             {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}});
  EXPECT_THROW(launch_from_environment(), Error);
}

TEST(Launch, ReadsNumbersAsFlagsDo) {
  const auto size = [](const std::string& text) {
    const Variables variables(
        {{"RANK", "0"}, {"WORLD_SIZE", text}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}});
    return launch_from_environment().size;
  };
  EXPECT_EQ(size("010"), 10);
  for (const char* const text : {"1.5", "-2", "two", "18446744073709551618"})
    EXPECT_EQ(
        message_of([&] { size(text); }),
        concat("environment variable WORLD_SIZE: expected a whole number, got \"", text, "\""));
}

TEST(Launch, RefusesARankBeyondTheSize) {
  const Variables variables({{"RANK", "2"}, {"WORLD_SIZE", "2"}});
  EXPECT_THROW(launch_from_environment(), Error);
}

TEST(Launch, RefusesMoreLocalProcessesThanThereAre) {
  const auto refused = [](const std::string& size, const std::string& local_rank,
                          const std::string& local_size) {
    const Variables variables({{"RANK", "0"},
                               {"WORLD_SIZE", size},
                               {"LOCAL_RANK", local_rank},
                               {"LOCAL_WORLD_SIZE", local_size}});
    return message_of(launch_from_environment);
  };
  EXPECT_EQ(refused("1", "0", "4294967296"),
            "the launcher's environment: 4294967296 of 1 processes on this machine; expected at "
            "most all of them");
  EXPECT_EQ(refused("1", "1", "1"),
            "the launcher's environment: local rank 1 of 1 processes on this machine; expected one "
            "from 0 to one less than their number");
  EXPECT_EQ(refused("4294967296", "0", "4294967296"),
            "the launcher's environment: 4294967296 processes; expected at most 1000000");
  EXPECT_EQ(refused("1", "0", "1"), "");
}

TEST(Launch, FindsTheFirstHostOfNodeLists) {
  EXPECT_EQ(first_host("gpu7"), "gpu7");
  EXPECT_EQ(first_host("gpu7,gpu9"), "gpu7");
  EXPECT_EQ(first_host("gpu[003-007,12],cpu1"), "gpu003");
  EXPECT_EQ(first_host("gpu[5]"), "gpu5");
  EXPECT_EQ(first_host("r[1-2]n[3,4].site"), "r1n3.site");
  EXPECT_EQ(first_host("gpu[1-2],cpu1"), "gpu1");
}

}  // namespace diffuse
