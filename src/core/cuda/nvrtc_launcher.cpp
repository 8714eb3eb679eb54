#include "nvrtc_launcher.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "cubin_cache.h"
#include "diffuse/core/error.h"
#include "driver.h"
#include "src/core/log.h"
#include "stream.h"

namespace diffuse::cuda {
namespace {

// A loaded library serves all of the cards that it was compiled for.
class NvrtcLauncher : public KernelLauncher {
 public:
  bool prepare(const KernelModule& module, c10::Device device) override;
  void launch(const KernelModule& module, const KernelCall& call, c10::Device device,
              void** arguments) override;
  int64_t multiprocessors(c10::Device device) override { return card(device).multiprocessors; }

 private:
  struct Card {
    int capability;
    int64_t multiprocessors;
  };
  struct Library {
    void* handle;
    std::map<const char*, void*> kernels;
  };
  // Names are literals of one place each, so that their addresses tell them apart.
  using Key = std::tuple<const char*, c10::ScalarType, int>;

  const Card& card(c10::Device device);
  Library load(const KernelModule& module, c10::Device device);
  void* kernel(const KernelModule& module, const char* name, c10::Device device);

  std::recursive_mutex mutex_;  // guards the rest: backward passes run on threads of their own
  std::map<int, Card> cards_;
  std::map<Key, Library> libraries_;
  std::unique_ptr<Nvrtc> compiler_;
  CubinCache cache_{cache_folder()};
  bool failed_ = false;
};

// "cuda" is the current one of LibTorch's devices.
c10::DeviceIndex index_of(c10::Device device) {
  return device.has_index() ? device.index()
                            : c10::impl::VirtualGuardImpl(device.type()).getDevice().index();
}

// The driver's functions work on the thread's current context, which LibTorch may not have set there yet.
void make_context_current(c10::Device device) {
  void* context = nullptr;
  check_driver(driver().current_context(&context), "cuCtxGetCurrent");
  if (context != nullptr) return;
  int ordinal = 0;
  check_driver(driver().get_device(&ordinal, index_of(device)), "cuDeviceGet");
  check_driver(driver().retain_primary(&context, ordinal), "cuDevicePrimaryCtxRetain");
  check_driver(driver().set_context(context), "cuCtxSetCurrent");
}

const NvrtcLauncher::Card& NvrtcLauncher::card(c10::Device device) {
  const std::scoped_lock lock(mutex_);
  const int index = index_of(device);
  const auto found = cards_.find(index);
  if (found != cards_.end()) return found->second;
  const int64_t major = device_attribute(Driver::kCapabilityMajor, index),
                minor = device_attribute(Driver::kCapabilityMinor, index);
  return cards_[index] = {static_cast<int>(10 * major + minor),
                          device_attribute(Driver::kMultiprocessors, index)};
}

NvrtcLauncher::Library NvrtcLauncher::load(const KernelModule& module, c10::Device device) {
  const c10::DeviceGuard guard(device);
  make_context_current(device);
  current_stream(device);  // throws where LibTorch does not tell it
  const int capability = card(device).capability;
  if (!compiler_) compiler_ = std::make_unique<Nvrtc>(Nvrtc::open());
  const std::string cubin = cache_.get(*compiler_, module, capability);
  Library library{};
  check_driver(driver().load_library(&library.handle, cubin.data(), nullptr, nullptr, 0, nullptr,
                                     nullptr, 0),
               "cuLibraryLoadData");
  return library;
}

bool NvrtcLauncher::prepare(const KernelModule& module, c10::Device device) {
  const std::scoped_lock lock(mutex_);
  if (failed_ && libraries_.empty()) return false;
  try {
    const Key key{module.text, module.storage, card(device).capability};
    if (libraries_.contains(key)) return true;  // also after another's failure: it may be in use
    if (failed_) return false;
    libraries_.emplace(key, load(module, device));
    return true;
  } catch (const std::exception& error) {
    failed_ = true;
    log_warning(concat("without diffuse's own GPU kernels, which is slower: ", error.what()));
    return false;
  }
}

void* NvrtcLauncher::kernel(const KernelModule& module, const char* name, c10::Device device) {
  const std::scoped_lock lock(mutex_);
  Library& library = libraries_.at({module.text, module.storage, card(device).capability});
  void*& found = library.kernels[name];
  if (found == nullptr)
    check_driver(driver().get_kernel(&found, library.handle, name), "cuLibraryGetKernel");
  return found;
}

void NvrtcLauncher::launch(const KernelModule& module, const KernelCall& call, c10::Device device,
                           void** arguments) {
  const c10::DeviceGuard guard(device);
  make_context_current(device);
  const auto [grid_x, grid_y] = call.grid;
  check_driver(driver().launch(kernel(module, call.kernel, device), static_cast<unsigned>(grid_x),
                               static_cast<unsigned>(grid_y), 1, static_cast<unsigned>(call.block),
                               1, 1, 0, current_stream(device), arguments, nullptr),
               call.kernel);
}

}  // namespace

KernelLauncher& nvrtc_launcher() {
  static NvrtcLauncher launcher;
  return launcher;
}

}  // namespace diffuse::cuda
