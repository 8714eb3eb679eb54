// How the processes of a run find each other.
#pragma once

#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "diffuse/distributed/launch.h"

namespace diffuse {

// Two connections to the store that rank 0 keeps: a thread that waits in one blocks it for all others.
struct Meeting {
  c10::intrusive_ptr<c10d::Store> store, monitor_store;
  std::string address;  // of this machine, at which the other processes reach it
};

// Waits until all processes have come to where rank 0 listens, and says for whom. Throws
// std::runtime_error after `timeout` seconds in all, naming who did not come, and at once after a signal
// that asks to stop. A process that takes the place of one that has died in a run ends that run, and
// meets the others when they start again.
Meeting meet(const Launch& launch, double timeout);

}  // namespace diffuse
