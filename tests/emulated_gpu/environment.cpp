// What the tests on a GPU find in this program: an emulated card whose operators and kernels compute.
#include <gtest/gtest.h>

#include <memory>

#include "card/device.h"
#include "operators.h"
#include "src/core/cuda/nvrtc_launcher.h"
#include "src/core/device.h"
#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::emulated {
namespace {

// Launches each kernel twice: its machine code by the driver, which only checks and counts, and its text as C++.
class EmulatingLauncher : public cuda::KernelLauncher {
 public:
  bool prepare(const cuda::KernelModule& module, c10::Device device) override {
    if (!device.is_cuda()) return false;
    EXPECT_TRUE(shim::compiled_texts().contains({module.text, module.storage})) << module.text;
    return cuda::nvrtc_launcher().prepare(module, device);
  }

  void launch(const cuda::KernelModule& module, const cuda::KernelCall& call, c10::Device device,
              void** arguments) override {
    cuda::nvrtc_launcher().launch(module, call, device, arguments);
    const shim::Kernel& kernel =
        shim::compiled_texts().at({module.text, module.storage}).at(call.kernel);
    queue(current_stream(),
          {"computed", [this, bound = kernel.bind(arguments), call, barriers = kernel.barriers] {
             grid_.run(call, barriers, bound);
           }});
  }

  int64_t multiprocessors(c10::Device) override { return 4; }  // fewer blocks to compute

 private:
  shim::Grid grid_;
};

class EmulatedCard : public testing::Environment {
 public:
  void SetUp() override {
    select_device("cuda");
    compute_operators_on_the_host();
    launcher_ = std::make_unique<EmulatingLauncher>();
    scope_ = std::make_unique<cuda::KernelLauncherScope>(launcher_.get());
  }
  void TearDown() override {
    scope_.reset();
    launcher_.reset();
  }

 private:
  std::unique_ptr<cuda::KernelLauncher> launcher_;
  std::unique_ptr<cuda::KernelLauncherScope> scope_;
};

const testing::Environment* const card = testing::AddGlobalTestEnvironment(new EmulatedCard);

}  // namespace
}  // namespace diffuse::emulated
