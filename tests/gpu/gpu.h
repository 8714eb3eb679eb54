// What the tests on a GPU share; elsewhere they are skipped with the reason.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "diffuse/core/error.h"
#include "src/core/device.h"

namespace diffuse {

// Why there is no GPU to test on, or "".
inline const std::string& no_gpu() {
  static const std::string reason = []() -> std::string {
    try {
      select_device("cuda");
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }();
  return reason;
}

inline c10::Device gpu() { return select_device("cuda"); }

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!no_gpu().empty()) GTEST_SKIP() << no_gpu();
    set_gpu_arithmetic(Tf32::kOff, true);
  }
};

// |x - y| / |y| in the Euclidean norm, in float64 on the CPU.
inline double distance(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor a = x.detach().to(at::kCPU, at::kDouble),
                   b = y.detach().to(at::kCPU, at::kDouble);
  return ((a - b).norm() / b.norm().clamp_min(1e-30)).item<double>();
}

}  // namespace diffuse
