#include "src/core/device.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

TEST(Device, SaysWhatAnOldDriverLacks) {
  EXPECT_EQ(driver_complaint(12020, 13000),
            "the NVIDIA driver is too old: it knows CUDA 12.2, LibTorch needs 13.0");
  EXPECT_EQ(driver_complaint(13010, 13000), "LibTorch sees no CUDA device");
  EXPECT_EQ(driver_complaint(13000, 13020), "LibTorch sees no CUDA device");  // minor versions mix
  EXPECT_EQ(driver_complaint(0, 13000), "LibTorch sees no CUDA device");
}

TEST(Device, SendsNothingFromTheCpuToTheCpu) {
  const at::Tensor x = at::ones({2});
  EXPECT_TRUE(sent_to(x, at::kCPU).is_same(x));
  EXPECT_FALSE(sent_to(at::Tensor(), at::kCPU).defined());
}

}  // namespace
}  // namespace diffuse
