#include "src/core/plugin.h"

#include <dlfcn.h>

#include <filesystem>

namespace diffuse {

void* plugin_symbol(const std::string& name, const char* symbol, std::string& reason) {
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&plugin_symbol), &self);
  const auto file = std::filesystem::path(self.dli_fname).parent_path() / name;
  void* const library = dlopen(file.c_str(), RTLD_NOW);
  void* const found = library == nullptr ? nullptr : dlsym(library, symbol);
  if (found == nullptr) reason = dlerror();
  return found;
}

}  // namespace diffuse
