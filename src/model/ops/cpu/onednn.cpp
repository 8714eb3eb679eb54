#include "onednn.h"

#include <dlfcn.h>

#include <filesystem>

#include "diffuse/core/error.h"

namespace diffuse::ops::cpu::onednn {

namespace {

struct Plugin {
  Version* version = nullptr;
  Multiply* multiply = nullptr;
};

Plugin load() {
#ifdef RTLD_DEEPBIND
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&load), &self);
  const auto file = std::filesystem::path(self.dli_fname).parent_path() / "libdiffuse_onednn.so";
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (library == nullptr) return {};
  return {reinterpret_cast<Version*>(dlsym(library, "diffuse_onednn_version")),
          reinterpret_cast<Multiply*>(dlsym(library, "diffuse_onednn_multiply"))};
#else
  return {};
#endif
}

const Plugin& plugin() {
  static const Plugin loaded = load();
  return loaded;
}

}  // namespace

std::string version() { return plugin().version == nullptr ? "" : plugin().version(); }

void multiply(const Matrices& a, const Matrices& b, const Matrices& c, bool accumulate,
              int64_t threads) {
  if (plugin().multiply == nullptr) throw Error("libdiffuse_onednn.so was not found");
  plugin().multiply(a, b, c, accumulate, threads);
}

}  // namespace diffuse::ops::cpu::onednn
