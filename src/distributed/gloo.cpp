// Collectives between CPUs. LibTorch contains Gloo's code but not its headers, so the system's are used, only
// to declare the types behind ProcessGroupGloo's pointers.
#define USE_C10D_GLOO
#include <cstdlib>
#include <stdexcept>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "diffuse/core/error.h"
#include "reason.h"
#include "src/core/duration.h"
#include "world_parts.h"

namespace diffuse {

using Gloo = c10d::ProcessGroupGloo;

// GLOO_SOCKET_IFNAME takes precedence.
static c10::intrusive_ptr<Gloo::Options> gloo_options(const std::string& address,
                                                      Milliseconds timeout) {
  const char* const interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface != nullptr && *interface != '\0') return Gloo::Options::create_default(timeout);
  auto options = Gloo::Options::create(timeout);
  options->devices = {Gloo::createDeviceForHostname(address)};
  return options;
}

c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store,
                                            const Launch& launch, const std::string& address,
                                            Milliseconds timeout) {
  try {
    return c10::make_intrusive<Gloo>(store, static_cast<int>(launch.rank),
                                     static_cast<int>(launch.size), gloo_options(address, timeout));
  } catch (const std::exception& error) {
    throw std::runtime_error(concat(
        "rank ", launch.rank, " at ", address, " cannot connect to all others (", reason_of(error),
        "); if the machines have several networks, name the interface of the ",
        "one between them in each process: GLOO_SOCKET_IFNAME=eth0"));
  }
}

}  // namespace diffuse
