// Collectives between CPUs. LibTorch has Gloo's code inside and not its headers, hence the system's;
// they are only needed to declare what ProcessGroupGloo points to.
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "world_parts.h"

namespace diffuse {

c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store,
                                            const Launch& launch, Milliseconds timeout) {
  using Gloo = c10d::ProcessGroupGloo;
  // On one machine whatever its name resolves to does not matter; else GLOO_SOCKET_IFNAME counts.
  auto options = Gloo::Options::create(timeout);
  if (launch.local_size == launch.size)
    options->devices = {Gloo::createDeviceForHostname("127.0.0.1")};
  else
    options = Gloo::Options::create_default(timeout);
  return c10::make_intrusive<Gloo>(store, static_cast<int>(launch.rank),
                                   static_cast<int>(launch.size), options);
}

}  // namespace diffuse
