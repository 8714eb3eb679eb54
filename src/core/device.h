// Where tensors live and in which precision the network runs.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace diffuse {

// "auto", "cpu", "cuda" or "cuda:N". LibTorch's CUDA library is loaded at run time, and only when the
// machine has an NVIDIA driver: "auto" then takes a GPU, else the CPU. Without a number the GPU is that
// of the process's place among those of this machine, or the only one it can see.
// Throws Error when a named GPU is not there, with the reason.
c10::Device select_device(const std::string& text, int64_t local_rank = 0);

// "13.0, 2 GPUs" when LibTorch's CUDA library is loaded, else the reason why not.
std::string cuda_description();

// Threads of the CPU's tensor operations; 0 keeps LibTorch's choice (all cores).
void set_thread_count(int threads);

// Takes that many threads where LibTorch would take more.
void limit_thread_count(int threads);

// "fp32", "bf16", "fp16" or "auto" (bf16 on a GPU that has it, else fp32) for a device.
// Throws Error naming `key` where the device cannot do it.
c10::ScalarType select_precision(const std::string& text, c10::Device device,
                                 const std::string& key = "/train/precision");

// Returns when the work queued on the device is done; at once on the CPU.
void wait_for(c10::Device device);

// While alive, matrix products and convolutions on `device` run in `type`; float32 turns it off.
class AutocastScope {
 public:
  AutocastScope(c10::Device device, c10::ScalarType type);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  c10::DeviceType device_;
  bool was_enabled_;
};

}  // namespace diffuse
