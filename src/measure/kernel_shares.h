// What a GPU spends its time on, by kind of kernel.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <map>
#include <string>

namespace diffuse {

struct KernelShares {
  std::map<std::string, double> ms;  // of the kernels of each kind
  int64_t launches = 0;
  double busy_ms = 0;  // their sum
};

// Of the kernels that work() launches, which returns when the device is done. Nothing on the CPU.
KernelShares kernel_shares(c10::Device device, const std::function<void()>& work);

// "convolution", "matrix product", "attention", "normalisation", "optimizer", "copy" or "other", by the names that
// cuDNN, cuBLAS, LibTorch and this library give their kernels.
std::string kind_of_kernel(const std::string& name);

}  // namespace diffuse
