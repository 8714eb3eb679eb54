// Rendezvous: how the processes of a run find each other.
#pragma once

#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "diffuse/distributed/launch.h"

namespace diffuse {

// Two connections to rank 0's store: a thread that waits in one blocks it for all others.
struct Meeting {
  c10::intrusive_ptr<c10d::Store> store, monitor_store;
  std::string address;  // of this machine, for the other processes
};

// Waits until all processes have connected to rank 0, and logs which are missing. Throws std::runtime_error
// after `timeout` seconds in all, naming the missing ranks, and at once after a signal to stop. A process
// that replaces one that died in a run ends that run, and joins the others when they restart.
Meeting meet(const Launch& launch, double timeout);

}  // namespace diffuse
