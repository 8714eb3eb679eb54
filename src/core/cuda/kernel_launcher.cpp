#include "kernel_launcher.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "nvrtc_launcher.h"

namespace diffuse::cuda {

static KernelLauncher* scoped_launcher = nullptr;

KernelLauncherScope::KernelLauncherScope(KernelLauncher* launcher)
    : outer_(std::exchange(scoped_launcher, launcher)) {}
KernelLauncherScope::~KernelLauncherScope() { scoped_launcher = outer_; }

static bool switched_off() {
  const char* const word = std::getenv("DIFFUSE_CUDA_KERNELS");
  return word != nullptr && std::string_view(word) == "off";
}

static KernelLauncher* launcher_of(c10::Device device) {
  if (scoped_launcher != nullptr) return scoped_launcher;
  return device.is_cuda() && !switched_off() ? &nvrtc_launcher() : nullptr;
}

KernelLauncher* kernels_for(c10::Device device, c10::ScalarType storage, const char* text) {
  if (storage != c10::kFloat && storage != c10::kBFloat16 && storage != c10::kHalf) return nullptr;
  KernelLauncher* const launcher = launcher_of(device);
  if (launcher == nullptr || !launcher->prepare({text, storage}, device)) return nullptr;
  return launcher;
}

KernelLauncher* kernels_for(const at::Tensor& x, const char* text) {
  return x.defined() ? kernels_for(x.device(), x.scalar_type(), text) : nullptr;
}

}  // namespace diffuse::cuda
