// This process's rank and the number of processes, from the launcher's environment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace diffuse {

struct Launch {
  int64_t rank = 0;          // of this process, 0 .. size - 1
  int64_t size = 1;          // number of processes
  int64_t local_rank = 0;    // rank on this machine: which GPU to use
  int64_t local_size = 0;    // processes on this machine; 0 = unknown
  int64_t cores = 0;         // for this process, set by the launcher; 0 = unknown
  std::string host{};        // where rank 0 runs
  uint16_t port = 0;         // on which rank 0 listens
  std::string attempt{};     // separates the keys of one start from those of a restart
  bool store_is_up = false;  // the launcher itself listens at host:port (torchrun)
  std::string advice{};      // what to do if this is the only process
  bool by_hand = false;      // not started by a launcher: the others are not starting now
  std::string note{};        // why it runs alone although some variables name several
};

// From the variables of torchrun (RANK, WORLD_SIZE, ...; `diffuse launch` sets them too), Open MPI
// (OMPI_COMM_WORLD_*) or srun (SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, SLURM_JOB_NODELIST,
// SLURM_TASKS_PER_NODE, SLURM_CPUS_PER_TASK, SLURM_CPUS_ON_NODE), in this order; one process if none is
// set (empty counts as not set). MASTER_ADDR and MASTER_PORT override host and port.
// Throws Error naming the variable that is missing or invalid.
Launch launch_from_environment();

// The number of this process's cores among `available`: the launcher's number, else an equal share for each
// process on this machine; at least 1.
int64_t core_share(const Launch& launch, int64_t available);

// The first host of a SLURM node list: "gpu03" for "gpu[03-07,12],cpu1".
std::string first_host(std::string_view node_list);

// The tasks on a node, counted from 0, in SLURM's list "2(x3),1"; 0 if the list does not say.
int64_t tasks_on_node(std::string_view tasks_per_node, int64_t node);

}  // namespace diffuse
