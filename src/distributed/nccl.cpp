// Collectives between GPUs, from the plugin beside this library.
#include "diffuse/core/error.h"
#include "src/core/plugin.h"
#include "world_parts.h"

namespace diffuse {

c10::intrusive_ptr<c10d::Backend> make_nccl(const c10::intrusive_ptr<c10d::Store>& store,
                                            const Launch& launch, Milliseconds timeout) {
  using Make = c10d::Backend*(const c10::intrusive_ptr<c10d::Store>&, int, int, Milliseconds);
  const std::string name = "libdiffuse_nccl.so";
  std::string reason;
  auto* const make = reinterpret_cast<Make*>(plugin_symbol(name, "diffuse_make_nccl", reason));
  if (make == nullptr)
    throw Error("several processes on GPUs need ", name, ", which is built if LibTorch ",
                "has CUDA and nccl.h is found: ", reason);
  return c10::intrusive_ptr<c10d::Backend>::reclaim(
      make(store, static_cast<int>(launch.rank), static_cast<int>(launch.size), timeout));
}

}  // namespace diffuse
