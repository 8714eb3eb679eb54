// Launches of the project's own GPU kernels: CUDA C++ texts (*.cuh), embedded in the library and compiled
// for the card at run time, so that nothing here needs the CUDA toolkit.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>

namespace diffuse::cuda {

// A text compiled for one type of stored numbers, which the text calls Element.
struct KernelModule {
  const char* text;         // its file: "src/model/ops/cuda/kernels/group_norm.cuh"
  c10::ScalarType storage;  // kFloat, kBFloat16 or kHalf
};

constexpr int64_t kMostRows = 65535;  // blocks along y in a launch

// One launch.
struct KernelCall {
  const char* kernel;
  std::array<int64_t, 2> grid;  // blocks along x and y
  int64_t block = 256;          // threads of a block
};

class KernelLauncher {
 public:
  virtual ~KernelLauncher() = default;

  // Compiles and loads the module where that has not been done; false if that fails, which is logged once.
  virtual bool prepare(const KernelModule& module, c10::Device device) = 0;

  // Queues a kernel of a prepared module on LibTorch's current stream; `arguments` are the addresses of the
  // kernel's arguments. Throws c10::Error if the driver refuses.
  virtual void launch(const KernelModule& module, const KernelCall& call, c10::Device device,
                      void** arguments) = 0;

  virtual int64_t multiprocessors(c10::Device device) = 0;
};

// The launcher with the text prepared for tensors of x's device and type. Null where `x` is undefined, of
// another type, on the CPU (outside of a KernelLauncherScope), or where kernels are not to be had: compute
// by LibTorch's operators then. A failure is said in one warning and holds for the whole process. With
// DIFFUSE_CUDA_KERNELS=off in the environment: null.
KernelLauncher* kernels_for(const at::Tensor& x, const char* text);

// The same for a device and type.
KernelLauncher* kernels_for(c10::Device device, c10::ScalarType storage, const char* text);

// While one lives, all kernels of the process go to `launcher`, those of CPU tensors as well: for tests.
class KernelLauncherScope {
 public:
  explicit KernelLauncherScope(KernelLauncher* launcher);
  ~KernelLauncherScope();
  KernelLauncherScope(const KernelLauncherScope&) = delete;
  KernelLauncherScope& operator=(const KernelLauncherScope&) = delete;

 private:
  KernelLauncher* outer_;
};

// Launches with arguments of the very types that the kernel declares.
template <class... Arguments>
void launch(KernelLauncher& launcher, const KernelModule& module, const KernelCall& call,
            c10::Device device, Arguments... arguments) {
  void* addresses[] = {const_cast<void*>(static_cast<const void*>(&arguments))...};
  launcher.launch(module, call, device, addresses);
}

}  // namespace diffuse::cuda
