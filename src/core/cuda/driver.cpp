#include "driver.h"

#include <dlfcn.h>

#include "diffuse/core/error.h"

namespace diffuse::cuda {

template <class Function>
static void find_in_driver(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw Error("NVIDIA's driver is too old: it has no function ", name);
}

static Driver open_driver() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW);
  if (library == nullptr) throw Error("no NVIDIA driver on this machine");
  int (*initialise)(unsigned) = nullptr;
  find_in_driver(library, "cuInit", initialise);
  if (initialise(0) != 0) throw Error("NVIDIA's driver finds no card that it can use");
  Driver found{};
  find_in_driver(library, "cuDeviceGetAttribute", found.get_attribute);
  find_in_driver(library, "cuDeviceGet", found.get_device);
  find_in_driver(library, "cuGetErrorName", found.error_name);
  find_in_driver(library, "cuCtxGetCurrent", found.current_context);
  find_in_driver(library, "cuCtxSetCurrent", found.set_context);
  find_in_driver(library, "cuDevicePrimaryCtxRetain", found.retain_primary);
  find_in_driver(library, "cuLibraryLoadData", found.load_library);
  find_in_driver(library, "cuLibraryGetKernel", found.get_kernel);
  find_in_driver(library, "cuLaunchKernel", found.launch);
  return found;
}

const Driver& driver() {
  static const Driver opened = open_driver();
  return opened;
}

void check_driver(int result, const char* what) {
  if (result == 0) return;
  const char* name = nullptr;
  driver().error_name(result, &name);
  throw std::runtime_error(concat(what, ": ", name != nullptr ? name : "unknown error"));
}

int64_t device_attribute(int attribute, int index) {
  int device = 0, value = 0;
  check_driver(driver().get_device(&device, index), "cuDeviceGet");
  check_driver(driver().get_attribute(&value, attribute, device), "cuDeviceGetAttribute");
  return value;
}

}  // namespace diffuse::cuda
