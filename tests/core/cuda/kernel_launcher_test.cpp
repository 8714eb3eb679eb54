#include "src/core/cuda/kernel_launcher.h"

#include <ATen/ATen.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::cuda {
namespace {

constexpr const char* kText = "src/core/cuda/kernels/random.cuh";
const c10::Device kCard(c10::kCUDA, 0);

TEST(KernelLauncher, ServesTheTypesAndDevicesThatHaveKernels) {
  const at::Tensor x = at::zeros({2});
  EXPECT_EQ(kernels_for(x, kText), nullptr) << "the CPU has its own";
  shim::ShimLauncher launcher;
  EXPECT_EQ(kernels_for(x, kText), &launcher);
  EXPECT_EQ(kernels_for(at::Tensor(), kText), nullptr);
  EXPECT_EQ(kernels_for(x.to(at::kDouble), kText), nullptr);
  EXPECT_EQ(kernels_for(x.to(at::kLong), kText), nullptr);
  EXPECT_EQ(kernels_for(x, "no such text"), nullptr);
  const KernelLauncherScope none(nullptr);
  EXPECT_EQ(kernels_for(x, kText), nullptr);
}

TEST(KernelLauncher, SaysOnceWhyThereIsNone) {
  if (dlopen("libcuda.so.1", RTLD_LAZY) != nullptr) GTEST_SKIP() << "this machine has a driver";
  setenv("DIFFUSE_CUDA_KERNELS", "off", 1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(kernels_for(kCard, c10::kFloat, kText), nullptr);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "it was asked for";
  unsetenv("DIFFUSE_CUDA_KERNELS");
  testing::internal::CaptureStderr();
  EXPECT_EQ(kernels_for(kCard, c10::kFloat, kText), nullptr);
  EXPECT_EQ(kernels_for(kCard, c10::kHalf, kText), nullptr);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("no NVIDIA driver"), std::string::npos) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

}  // namespace
}  // namespace diffuse::cuda
