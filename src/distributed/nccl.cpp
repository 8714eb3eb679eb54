// Collectives between GPUs, from the plugin beside this library.
#include <dlfcn.h>

#include <filesystem>

#include "diffuse/core/error.h"
#include "world_parts.h"

namespace diffuse {

c10::intrusive_ptr<c10d::Backend> make_nccl(const c10::intrusive_ptr<c10d::Store>& store,
                                            const Launch& launch, Milliseconds timeout) {
  using Make = c10d::Backend*(const c10::intrusive_ptr<c10d::Store>&, int, int, Milliseconds);
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&make_nccl), &self);
  const auto plugin = std::filesystem::path(self.dli_fname).parent_path() / "libdiffuse_nccl.so";
  void* const library = dlopen(plugin.c_str(), RTLD_NOW);
  if (library == nullptr)
    throw Error("several processes on GPUs need ", plugin.string(), ", which is built if LibTorch ",
                "has CUDA and nccl.h is found: ", dlerror());
  auto* const make = reinterpret_cast<Make*>(dlsym(library, "diffuse_make_nccl"));
  return c10::intrusive_ptr<c10d::Backend>::reclaim(
      make(store, static_cast<int>(launch.rank), static_cast<int>(launch.size), timeout));
}

}  // namespace diffuse
