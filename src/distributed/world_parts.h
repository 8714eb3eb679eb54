// The parts of a world of several processes, for the sources that use c10d.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "diffuse/distributed/world.h"
#include "monitor.h"

namespace diffuse {

struct World::Parts {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  std::unique_ptr<Monitor> monitor;
  int exceptions = std::uncaught_exceptions();
};

using Milliseconds = std::chrono::milliseconds;

inline Milliseconds milliseconds(double seconds) {
  return Milliseconds(static_cast<int64_t>(seconds * 1000));
}

// The backends of a process group. Gloo listens at `address`, of this machine.
c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store,
                                            const Launch& launch, const std::string& address,
                                            Milliseconds timeout);
c10::intrusive_ptr<c10d::Backend> make_nccl(const c10::intrusive_ptr<c10d::Store>& store,
                                            const Launch& launch, Milliseconds timeout);

}  // namespace diffuse
