// Launches of the project's own GPU kernels: CUDA C++ texts (*.cuh), embedded in the library and compiled
// for the card at run time, so that nothing here needs the CUDA toolkit.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>

namespace diffuse::cuda {

// One launch. `text`: the kernel's file, "src/model/ops/cuda/kernels/group_norm.cuh".
struct KernelCall {
  const char* text;
  const char* kernel;
  c10::ScalarType storage = c10::kFloat;  // what the text calls Element: float, bfloat16 or half
  int64_t grid_x, grid_y = 1;             // blocks
  int64_t block;                          // threads in a block
  void** arguments;                       // addresses of the kernel's arguments
};

class KernelLauncher {
 public:
  virtual ~KernelLauncher() = default;

  // Queues the kernel on the current stream of `device`. Throws c10::Error where the driver refuses.
  virtual void launch(const KernelCall& call, c10::Device device) = 0;

  virtual int64_t multiprocessors(c10::Device device) const = 0;
};

// The launcher of the device's kernels: that of the KernelLauncherScope in effect; else, for a CUDA device,
// the one that compiles by NVRTC. Null: compute by LibTorch's operators. On the first call for a CUDA device
// all texts are compiled or read from the cache; whatever goes wrong there is said in one warning, and the
// process then goes on without. The environment's DIFFUSE_CUDA_KERNELS=off: null for CUDA devices.
KernelLauncher* kernel_launcher(c10::Device device);

// Whether a kernel can read and write the tensor: defined, of a type of `KernelCall::storage`, with a
// launcher for its device.
bool has_kernels(const at::Tensor& x);

// While one lives, all kernels of the process go to `launcher`, whatever the device: for tests.
class KernelLauncherScope {
 public:
  explicit KernelLauncherScope(KernelLauncher* launcher);
  ~KernelLauncherScope();
  KernelLauncherScope(const KernelLauncherScope&) = delete;
  KernelLauncherScope& operator=(const KernelLauncherScope&) = delete;

 private:
  KernelLauncher* outer_;
};

// Launches with the arguments as the kernel declares them: sizes as int64_t, pointers as pointers.
template <class... Arguments>
void launch(KernelLauncher& launcher, KernelCall call, c10::Device device, Arguments... arguments) {
  void* addresses[] = {&arguments...};
  call.arguments = addresses;
  launcher.launch(call, device);
}

}  // namespace diffuse::cuda
