#include "src/core/device.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <thread>

namespace diffuse {
namespace {

std::ptrdiff_t threads_of_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

// New threads of a large operator on a thread of its own.
std::ptrdiff_t threads_started(bool keep) {
  std::ptrdiff_t started = 0;
  std::thread([&] {
    if (keep) keep_to_this_thread();
    const std::ptrdiff_t before = threads_of_process();
    at::ones({1 << 20}).mul_(2);
    started = threads_of_process() - before;
  }).join();
  return started;
}

TEST(Device, KeepsOperatorsToAThread) {
  const int threads = at::get_num_threads();
  at::set_num_threads(4);
  EXPECT_EQ(threads_started(true), 0);
  EXPECT_EQ(threads_started(false), 3);
  at::set_num_threads(threads);
}

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
