// Devices and number formats.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

#include "diffuse/core/precision.h"

namespace diffuse {

// "auto", "cpu", "cuda" or "cuda:N". LibTorch's CUDA library is loaded at run time, and only if the
// machine has an NVIDIA driver: "auto" then selects a GPU, else the CPU. Without a number, the GPU is
// number `local_rank`, or the only visible one. Throws Error with the reason if a named GPU is missing.
c10::Device select_device(const std::string& text, int64_t local_rank = 0);

// "13.0, 2 GPUs" if LibTorch's CUDA library is loaded, else the reason for its absence.
std::string cuda_description();

// Why LibTorch, built for a CUDA version, finds no device with a driver that knows another: 1000 major + 10
// minor; 0: not known.
std::string driver_complaint(int driver, long library);

// Threads of the CPU's tensor operations; 0 keeps LibTorch's choice (all cores).
void set_thread_count(int threads);

// Lowers LibTorch's number of threads to at most `threads`.
void limit_thread_count(int threads);

// LibTorch's operators called on this thread run on it alone from now on. Else they would start a second team of
// threads beside the main thread's; with more threads than cores, OpenMP's wait by sleeping, and every operator
// takes longer.
void keep_to_this_thread();

// The type of a precision on a device. Throws Error naming `key` if the device does not support it.
c10::ScalarType select_precision(Precision precision, c10::Device device,
                                 const std::string& key = "/train/precision");

// x on the device: a copy that is queued behind the device's work, from pinned memory, and not waited for.
at::Tensor sent_to(const at::Tensor& x, c10::Device device);

// How GPUs compute, for the whole process. `deterministic`: kernels that repeat their bytes; an operation without one
// warns. Else cuDNN tries its kernels at each new shape.
void set_gpu_arithmetic(Tf32 tf32, bool deterministic);

// Waits for the work queued on the device; returns at once on the CPU.
void wait_for(c10::Device device);

// During its lifetime, matrix products and convolutions on `device` run in `type`; float32 turns it off.
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
