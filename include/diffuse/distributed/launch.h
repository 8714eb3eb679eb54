// Which of how many processes this one is, as the launcher's environment says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace diffuse {

struct Launch {
  int64_t rank = 0;          // of this process, 0 .. size - 1
  int64_t size = 1;          // processes in all
  int64_t local_rank = 0;    // among those of this machine: which GPU to take
  int64_t local_size = 0;    // processes on this machine; 0 = not known
  int64_t cores = 0;         // for this process, as the launcher says; 0 = not known
  std::string host{};        // where rank 0 runs
  uint16_t port = 0;         // and listens
  std::string attempt{};     // keeps the keys of one start apart from those of a restart
  bool store_is_up = false;  // the launcher itself listens at host:port (torchrun)
  std::string advice{};      // what to do where there is but this process
  bool by_hand = false;      // no launcher started it: the others are not about to come
  std::string note{};        // why it works alone where some variables speak of several
};

// From the variables of torchrun (RANK, WORLD_SIZE, ...; `diffuse launch` sets them too), of Open MPI
// (OMPI_COMM_WORLD_*) or of srun (SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, SLURM_JOB_NODELIST,
// SLURM_TASKS_PER_NODE, SLURM_CPUS_PER_TASK, SLURM_CPUS_ON_NODE), in this order; one process where none
// is set (an empty one is not). MASTER_ADDR and MASTER_PORT override host and port.
// Throws Error naming the variable that is missing or makes no sense.
Launch launch_from_environment();

// How many of `available` cores are this process's: as many as the launcher says, else an equal share for
// each process of this machine; at least 1.
int64_t core_share(const Launch& launch, int64_t available);

// The first host of a SLURM node list: "gpu03" of "gpu[03-07,12],cpu1".
std::string first_host(std::string_view node_list);

// Of SLURM's tasks per node, "2(x3),1", those of a node, counted from 0; 0 where they do not tell.
int64_t tasks_on_node(std::string_view tasks_per_node, int64_t node);

}  // namespace diffuse
